"""Evaluation mode for the length of a block, whatever other blocks there are."""

from torch import nn

from glassworks.models.modes import OPEN, evaluating


def test_blocks_that_overlap_leave_every_module_as_the_first_one_found_it() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Dropout())
    model[1].eval()
    blocks, modes = [evaluating(model), evaluating(model), evaluating(model[0])], []
    for block in blocks:
        block.__enter__()
    for block in blocks:  # as in threads: the first to begin is the first to end
        block.__exit__(None, None, None)
        modes.append([module.training for module in model.modules()])
    assert modes == [[False, False, False], [True, False, False], [True, True, False]]
    assert not OPEN
