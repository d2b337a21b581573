"""What one arm can be doing: angles of shoulder, elbow and forearm, with their natural spread."""

from dataclasses import dataclass

from occlusion_toolkit.open_world.latents import LatentDraws


@dataclass
class Arm:
    """One arm in radians.

    elevation: upper arm from hanging (0) to straight up (pi). azimuth: 0 out to the side, pi/2 forward.
    twist: about the upper arm, positive turns the bent forearm up. elbow: flexion. pronation: forearm twist.
    """

    elevation: float
    azimuth: float
    twist: float
    elbow: float
    pronation: float


Spread = tuple[float, float]


@dataclass(frozen=True)
class Gesture:
    """A named arm posture: mean and standard deviation of every angle, in radians."""

    name: str
    elevation: Spread
    azimuth: Spread
    twist: Spread
    elbow: Spread
    pronation: Spread = (0.0, 0.3)

    def draw(self, draws: LatentDraws) -> Arm:
        """Return one arm."""
        return Arm(
            elevation=abs(draws.normal(*self.elevation)),
            azimuth=draws.normal(*self.azimuth),
            twist=draws.normal(*self.twist),
            elbow=abs(draws.normal(*self.elbow)),
            pronation=draws.normal(*self.pronation),
        )


HANGING = Gesture("hanging", (0.16, 0.10), (0.35, 0.5), (0.0, 0.25), (0.28, 0.18))
SWINGING = Gesture("swinging", (0.16, 0.05), (0.3, 0.2), (0.0, 0.15), (0.35, 0.15))
HAND_ON_HIP = Gesture("hand on hip", (0.98, 0.08), (-0.55, 0.12), (-1.2, 0.1), (1.85, 0.1), (0.5, 0.2))
HAND_IN_POCKET = Gesture("hand in pocket", (0.55, 0.06), (-0.85, 0.12), (-0.9, 0.12), (1.1, 0.12))
FOLDED = Gesture("folded", (0.7, 0.07), (1.38, 0.12), (-0.95, 0.1), (1.78, 0.1), (0.3, 0.2))
PHONE_AT_EAR = Gesture("phone at ear", (1.1, 0.15), (1.45, 0.2), (0.7, 0.15), (2.4, 0.08), (0.0, 0.3))
LOOKING_AT_PHONE = Gesture(
    "looking at phone", (0.3, 0.12), (1.2, 0.2), (-0.2, 0.15), (1.85, 0.18), (-0.6, 0.3)
)
HAND_AT_CHIN = Gesture("hand at chin", (0.78, 0.1), (1.15, 0.15), (-0.06, 0.12), (2.36, 0.08))
BEHIND_BACK = Gesture("behind back", (0.6, 0.08), (-1.45, 0.12), (-1.2, 0.12), (1.1, 0.15))
CLASPED = Gesture("clasped in front", (0.4, 0.08), (0.6, 0.2), (-1.12, 0.12), (1.17, 0.15))
POINTING = Gesture("pointing", (1.35, 0.25), (1.05, 0.5), (0.0, 0.3), (0.25, 0.2))
WAVING = Gesture("waving", (1.35, 0.25), (0.3, 0.3), (1.1, 0.2), (1.8, 0.35), (0.0, 0.4))
TALKING = Gesture("talking", (0.5, 0.2), (0.3, 0.4), (-0.25, 0.35), (1.5, 0.35), (-0.4, 0.5))
CARRYING = Gesture("carrying", (0.62, 0.12), (0.5, 0.2), (-0.68, 0.15), (1.63, 0.15), (-0.8, 0.3))
ASIDE = Gesture("aside", (1.0, 0.35), (0.15, 0.35), (0.1, 0.4), (0.5, 0.4))
REACHING_FORWARD = Gesture("reaching forward", (1.3, 0.35), (1.3, 0.25), (0.1, 0.3), (0.35, 0.3))
REACHING_DOWN = Gesture("reaching down", (0.9, 0.4), (1.4, 0.35), (0.1, 0.3), (0.3, 0.3))
REACHING_UP = Gesture("reaching up", (2.4, 0.35), (0.8, 0.5), (0.2, 0.4), (0.4, 0.35))
HAND_ON_HEAD = Gesture("hand on head", (1.8, 0.15), (1.45, 0.25), (1.3, 0.15), (2.1, 0.12))
ON_LAP = Gesture("on lap", (0.6, 0.12), (0.6, 0.2), (-0.75, 0.15), (1.35, 0.2), (0.2, 0.3))
ON_TABLE = Gesture("on table", (0.35, 0.15), (1.1, 0.25), (-0.1, 0.2), (1.55, 0.2))
RUNNING = Gesture("running", (0.5, 0.1), (0.2, 0.3), (-0.35, 0.2), (1.8, 0.25))
ANYWHERE = Gesture("anywhere", (1.4, 0.65), (0.6, 0.6), (0.2, 0.55), (0.75, 0.6))

PAIRED: tuple[tuple[Gesture, Gesture, float], ...] = (
    (HANGING, HANGING, 0.24),
    (HAND_ON_HIP, HAND_ON_HIP, 0.05),
    (HAND_ON_HIP, HANGING, 0.05),
    (HAND_IN_POCKET, HAND_IN_POCKET, 0.04),
    (HAND_IN_POCKET, HANGING, 0.03),
    (HAND_IN_POCKET, TALKING, 0.03),
    (FOLDED, FOLDED, 0.05),
    (PHONE_AT_EAR, HANGING, 0.05),
    (PHONE_AT_EAR, HAND_ON_HIP, 0.02),
    (LOOKING_AT_PHONE, HANGING, 0.04),
    (LOOKING_AT_PHONE, LOOKING_AT_PHONE, 0.03),
    (HAND_AT_CHIN, FOLDED, 0.02),
    (BEHIND_BACK, BEHIND_BACK, 0.03),
    (CLASPED, CLASPED, 0.04),
    (POINTING, HANGING, 0.06),
    (WAVING, HANGING, 0.05),
    (TALKING, TALKING, 0.08),
    (TALKING, HANGING, 0.04),
    (CARRYING, CARRYING, 0.04),
    (CARRYING, HANGING, 0.02),
    (ASIDE, ASIDE, 0.04),
    (REACHING_FORWARD, HANGING, 0.03),
    (REACHING_FORWARD, REACHING_FORWARD, 0.03),
    (REACHING_UP, HANGING, 0.02),
    (HAND_ON_HEAD, HANGING, 0.02),
)
"""Pairs of arm postures of a standing person with their weights; sides are swapped half the time."""


def draw_pair(draws: LatentDraws) -> list[Arm]:
    """Return left and right arm of a standing person."""
    first, second, _ = PAIRED[draws.choice(tuple(weight for *_, weight in PAIRED))]
    arms = [first.draw(draws), second.draw(draws)]
    return arms[::-1] if draws.chance(0.5) else arms


def draw_anywhere(draws: LatentDraws) -> list[Arm]:
    """Return two arms that may point anywhere within reach, alike half the time."""
    first = ANYWHERE.draw(draws)
    second = ANYWHERE.draw(draws)
    if draws.chance(0.35):
        second = Arm(
            *(0.75 * a + 0.25 * b for a, b in zip(vars(first).values(), vars(second).values(), strict=True))
        )
    return [first, second]
