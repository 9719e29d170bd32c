"""Every trainer there is. To add one: its file, its test, and a line here."""

from workers.training.contract import Trainer
from workers.training.implicit_prm import ImplicitPrmTrainer
from workers.training.novelty import NoveltyTrainer
from workers.training.token_credit import TokenCreditTrainer

_ALL: tuple[Trainer, ...] = (TokenCreditTrainer(), NoveltyTrainer(), ImplicitPrmTrainer())
TRAINERS: dict[str, Trainer] = {trainer.declaration.name: trainer for trainer in _ALL}
