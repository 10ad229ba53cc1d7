"""Losses on preferences and on policies beside TRL's own, of one small model and the same tokens."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from glassworks.objectives.policy.advantages import group_advantages, leave_one_out
from glassworks.objectives.policy.grpo import VARIANTS, grpo_loss
from glassworks.objectives.policy.logprobs import sequence_logprobs, token_logprobs
from glassworks.objectives.policy.rloo import rloo_loss
from glassworks.objectives.preferences.bradley_terry import bradley_terry_loss
from glassworks.objectives.preferences.dpo import dpo_loss
from glassworks.objectives.preferences.ipo import ipo_loss
from glassworks.objectives.preferences.kto import kto_loss
from glassworks.objectives.preferences.orpo import orpo_loss
from glassworks.objectives.preferences.simpo import simpo_loss

trl = pytest.importorskip("trl", reason="pip install -r benchmarks/requirements-tuning.txt")
transformers = pytest.importorskip("transformers")
datasets = pytest.importorskip("datasets")
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]

ROWS, PROMPT, COMPLETION = 4, 5, 7
GROUP = 2


def gpt2(seed: int) -> Any:
    torch.manual_seed(seed)
    config = transformers.GPT2Config(
        n_layer=2, n_head=2, n_embd=16, vocab_size=40, n_positions=32, attn_pdrop=0, resid_pdrop=0, embd_pdrop=0
    )
    return transformers.GPT2LMHeadModel(config).eval()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {word: number for number, word in enumerate(["<pad>", "<eos>", *(f"w{i}" for i in range(38))])}
    made = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<eos>")


def batch(seed: int = 0) -> dict[str, Tensor]:
    """Prompts, padded at the left as TRL has them, and completions of unequal length."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(2, 40, (ROWS, PROMPT + COMPLETION), generator=draw)
    lengths = torch.tensor([7, 3, 1, 5])
    return {
        "prompt_ids": ids[:, :PROMPT],
        "prompt_mask": torch.ones(ROWS, PROMPT, dtype=torch.long),
        "completion_ids": ids[:, PROMPT:],
        "completion_mask": (torch.arange(COMPLETION) < lengths[:, None]).long(),
    }


def logprobs(model: Any, of: dict[str, Tensor]) -> Tensor:
    """Ours of a batch's completions: (B, T)."""
    ids = torch.cat([of["prompt_ids"], of["completion_ids"]], 1)
    targets = torch.where(of["completion_mask"] > 0, of["completion_ids"], -1)
    return token_logprobs(model(ids).logits[:, PROMPT - 1 : -1], targets)


def trained_by(
    trainer: Any, config: Any, tmp_path: Path, tokenizer: Any, rows: list[dict[str, Any]], **how: Any
) -> Any:
    """A trainer of theirs that is only asked for its loss."""
    options = {key: how.pop(key) for key in ("reward_funcs", "ref_model") if key in how}
    args = config(output_dir=str(tmp_path), use_cpu=True, report_to=[], bf16=False, **how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return trainer(
            model=gpt2(0),
            args=args,
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=tokenizer,
            **options,
        )


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours.float().squeeze(), theirs.float().squeeze(), atol=1e-5, rtol=1e-5)


# ----------------------------------------------------------------------------------------------------------------------
# GRPO and RLOO

THEIRS = {
    "grpo": {"loss_type": "grpo"},
    "dapo": {"loss_type": "dapo", "epsilon_high": 0.28},
    "dr_grpo": {"loss_type": "dr_grpo"},
    "gspo": {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon": 3e-4, "epsilon_high": 4e-4},
    "gmpo": {"epsilon": 0.4, "epsilon_high": 0.4},
    "cispo": {"loss_type": "cispo", "epsilon_high": 5.0},
    "sapo": {"loss_type": "sapo"},
}


@pytest.mark.parametrize(("beta", "corrected"), [(0.0, False), (0.3, False), (0.3, True)])
@pytest.mark.parametrize("name", VARIANTS)
def test_group_losses_and_their_gradients_are_trls(
    name: str, beta: float, corrected: bool, tmp_path: Path, tokenizer: Any
) -> None:
    if name == "gmpo":
        if corrected:
            pytest.skip("theirs has it not")
        module = pytest.importorskip("trl.experimental.gmpo")
        kinds = module.GMPOTrainer, module.GMPOConfig
    else:
        kinds = trl.GRPOTrainer, trl.GRPOConfig
    trainer = trained_by(
        *kinds,
        tmp_path,
        tokenizer,
        [{"prompt": "w1 w2"}] * 4,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        max_completion_length=COMPLETION,
        num_generations=GROUP,
        per_device_train_batch_size=ROWS,
        use_bias_correction_kl=corrected,
        beta=0.0,  # for more it would look for the reference on the hub
        **THEIRS[name],
    )
    trainer.beta = beta
    model, inputs = trainer.model.eval(), batch()
    counts = inputs["completion_mask"] > 0
    draw = torch.Generator().manual_seed(5)
    now = logprobs(model, inputs).detach()
    old, reference = (torch.where(counts, now + 0.3 * torch.randn(now.shape, generator=draw), 0.0) for _ in range(2))
    advantages = torch.tensor([1.0, -0.5, 2.0, -1.5])
    inputs |= {
        "advantages": advantages,
        "old_per_token_logps": old,
        "ref_per_token_logps": reference,
        "num_items_in_batch": counts.sum(),
    }
    trainer.current_gradient_accumulation_steps = 1
    theirs = trainer._compute_loss(model, inputs)
    ours = grpo_loss(
        logprobs(model, inputs),
        old,
        advantages,
        counts,
        variant=VARIANTS[name],
        reference=reference,
        beta=beta,
        corrected=corrected,
        longest=COMPLETION,
    )
    close(ours.total / ours.number, theirs)
    weights = list(model.parameters())
    for mine, other in zip(
        torch.autograd.grad(ours.total / ours.number, weights), torch.autograd.grad(theirs, weights), strict=True
    ):
        close(mine, other)


def test_rloo_is_trls(tmp_path: Path, tokenizer: Any) -> None:
    trainer = trained_by(
        trl.RLOOTrainer,
        trl.RLOOConfig,
        tmp_path,
        tokenizer,
        [{"prompt": "w1 w2"}] * 4,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        max_completion_length=COMPLETION,
        num_generations=GROUP,
        per_device_train_batch_size=ROWS,
        beta=0.0,
    )
    model, inputs = trainer.model.eval(), batch()
    counts = inputs["completion_mask"] > 0
    old = (logprobs(model, inputs).detach() + 0.1 * torch.randn(ROWS, COMPLETION)) * counts
    advantages = leave_one_out(torch.tensor([1.0, 0.5, 3.0, -1.0]), GROUP)
    theirs = trainer._compute_loss(model, inputs | {"advantages": advantages, "old_logps": old.sum(1)})
    losses, _ = rloo_loss(logprobs(model, inputs), old, advantages, counts)
    close(losses.mean(), theirs)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_advantages_of_groups_are_as_trl_has_them(scale: Any) -> None:
    rewards = torch.randn(8, generator=torch.Generator().manual_seed(0))
    grouped = rewards.view(-1, 4)
    spread = {"group": grouped.std(1, keepdim=True), "batch": rewards.std(), "none": torch.tensor(1 - 1e-4)}[scale]
    close(group_advantages(rewards, 4, scale), ((grouped - grouped.mean(1, keepdim=True)) / (spread + 1e-4)).flatten())


# ----------------------------------------------------------------------------------------------------------------------
# Preferences

PAIRS = [
    {"prompt": "w1 w2", "chosen": " w3 w4 w5", "rejected": " w6"},
    {"prompt": "w7 w8 w9", "chosen": " w10", "rejected": " w11 w12 w13 w14"},
]


def of_pairs(model: Any, found: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Log-probabilities of chosen and rejected completions of a batch of TRL's, and their lengths."""
    ids, mask = found["input_ids"], found["completion_mask"]
    targets = torch.where(mask[:, 1:] > 0, ids[:, 1:], -1)
    logits = model(ids, attention_mask=found["attention_mask"]).logits[:, :-1]
    whole = sequence_logprobs(token_logprobs(logits, targets), targets)
    return list(whole.chunk(2)), list((targets >= 0).sum(1).chunk(2))


DPO = {
    "sigmoid": lambda x, _: dpo_loss(*x, beta=0.3),
    "hinge": lambda x, _: dpo_loss(*x, beta=0.3, kind="hinge"),
    "robust": lambda x, _: dpo_loss(*x, beta=0.3, smoothing=0.1, kind="robust"),
    "ipo": lambda x, lengths: ipo_loss(*x, beta=0.3, lengths=tuple(lengths)),
}


@pytest.mark.parametrize("kind", DPO)
def test_dpo_and_its_kinds_are_trls(kind: str, tmp_path: Path, tokenizer: Any) -> None:
    smoothing = 0.1 if kind == "robust" else 0.0
    trainer = trained_by(
        trl.DPOTrainer,
        trl.DPOConfig,
        tmp_path,
        tokenizer,
        PAIRS,
        ref_model=gpt2(1),
        loss_type=[kind],
        beta=0.3,
        label_smoothing=smoothing,
        per_device_train_batch_size=2,
        gradient_checkpointing=False,
    )
    found = trainer.data_collator([trainer.train_dataset[i] for i in range(2)])
    theirs = trainer.compute_loss(trainer.model.eval(), dict(found))
    ours, lengths = of_pairs(trainer.model, found)
    with torch.no_grad():
        reference, _ = of_pairs(trainer.ref_model, found)
    close(DPO[kind]([*ours, *reference], lengths).mean(), theirs)


def test_a_reward_models_loss_is_trls_formula() -> None:
    chosen, rejected, margin = torch.randn(3, 5).unbind()
    theirs = (
        -torch.nn.functional.logsigmoid(chosen - rejected - margin).mean() + 0.01 * ((chosen + rejected) ** 2).mean()
    )
    close(bradley_terry_loss(chosen, rejected, margin=margin, centre=0.01).mean(), theirs)


def test_orpos_odds_are_trls() -> None:
    module = pytest.importorskip("trl.experimental.orpo")
    chosen, rejected = -torch.rand(2, 5).add(0.1)
    self = type("Self", (), {"beta": 0.3, "accelerator": type("A", (), {"device": "cpu"})})
    losses, *_ = module.ORPOTrainer.odds_ratio_loss(self, chosen, rejected)
    close(orpo_loss(chosen, rejected, beta=0.3) + chosen, -losses)


def test_simpo_is_trls() -> None:
    module = pytest.importorskip("trl.experimental.cpo")
    chosen, rejected = -torch.rand(2, 5)
    names = {"beta": 2.0, "simpo_gamma": 0.7, "label_smoothing": 0.0, "loss_type": "simpo", "alpha": 0.0}
    self = type("Self", (), {**names, "accelerator": type("A", (), {"device": "cpu"})})
    losses, *_ = module.CPOTrainer.cpo_loss(self, chosen, rejected)
    close(simpo_loss(chosen, rejected, beta=2.0, gamma=0.7), losses)


def test_kto_is_trls(tmp_path: Path, tokenizer: Any) -> None:
    rows = [
        {"prompt": p["prompt"], "completion": p[side], "label": side == "chosen"}
        for p in PAIRS
        for side in p
        if side != "prompt"
    ]
    trainer = trained_by(
        trl.KTOTrainer,
        trl.KTOConfig,
        tmp_path,
        tokenizer,
        rows,
        ref_model=gpt2(1),
        beta=0.3,
        undesirable_weight=0.7,
        per_device_train_batch_size=4,
        gradient_checkpointing=False,
    )
    found = trainer.data_collator([trainer.train_dataset[i] for i in range(4)])
    theirs = trainer.compute_loss(trainer.model.eval(), dict(found))

    def whole(model: Any, kind: str) -> Tensor:
        ids = found[f"{kind}input_ids"]
        targets = torch.where(found[f"{kind}completion_mask"][:, 1:] > 0, ids[:, 1:], -1)
        logits = model(ids, attention_mask=found[f"{kind}attention_mask"]).logits[:, :-1]
        return sequence_logprobs(token_logprobs(logits, targets), targets)

    with torch.no_grad():
        reference, mismatched = (
            whole(trainer.ref_model, ""),
            whole(trainer.model, "KL_") - whole(trainer.ref_model, "KL_"),
        )
    good = torch.tensor([bool(label) for label in found["label"]])
    ours = kto_loss(whole(trainer.model, ""), reference, good, mismatched, beta=0.3, bad_weight=0.7)
    close(ours.mean(), theirs)
