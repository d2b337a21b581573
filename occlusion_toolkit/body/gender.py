"""The three bodies that SMPL was published as."""

from typing import Literal, get_args

Gender = Literal["neutral", "male", "female"]
"""Which of SMPL's bodies betas belong to: the same betas mean another shape on each of them."""

GENDERS: tuple[Gender, ...] = get_args(Gender)
