"""Readers of labelled images: IDX, CIFAR, folders by class, tables of paths, digits; and of one file, safely."""
