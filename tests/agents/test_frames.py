"""Pictures of episodes: each state of each of our environments has its own, and all of them play in one."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from glassworks.agents.frames import MOST, frames, playing, scene_of
from glassworks.agents.play import at_random, follow
from glassworks.data.environments.compiled import RULES
from glassworks.data.environments.grids import GRIDS
from glassworks.data.environments.open import open_environments


@pytest.mark.parametrize("name", sorted({*RULES, *GRIDS}))
def test_every_environment_of_ours_has_pictures_that_move(name: str) -> None:
    environments = open_environments(f"env:{name}", 1)
    episode = follow(at_random(environments.actions, 0), environments, 0, most=40)
    pictures = frames(name, episode.states)
    assert len(pictures) == len(episode.states)
    assert len(set(pictures)) > 2
    for picture in pictures[:2]:
        assert ET.fromstring(picture).tag == "svg"
    scene = scene_of(name, episode.states)
    assert scene is not None
    film = ET.fromstring(playing(scene))
    assert film.findall(".//animateTransform")


def test_a_pole_leans_as_its_angle_says() -> None:
    (upright, leaning) = frames("CartPole-v1", np.array([[0.0, 0, 0, 0], [0.0, 0, 0.1, 0]]))
    assert "rotate(0.00)" in upright
    assert "rotate(5.73)" in leaning


def test_long_episodes_play_a_part_of_their_frames_and_strangers_have_none() -> None:
    scene = scene_of("CartPole-v1", np.zeros((1000, 4)))
    assert scene is not None
    assert playing(scene).count(";") < 4 * MOST
    assert frames("LunarLander-v3", np.zeros((3, 8))) == []
    assert len(frames("CartPole-v1", np.zeros((1000, 4)), most=5)) == 5
