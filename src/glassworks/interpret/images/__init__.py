"""What a network sees in an image, for any module that takes one."""
