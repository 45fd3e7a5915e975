"""An evaluation in words: every verdict as it is, and nothing where there is nothing."""

from limekiln.evaluation import words
from limekiln.evaluation.document import (
    Asked,
    ClassEvaluation,
    DeletionFacts,
    Estimate,
    Evaluation,
    Mean,
    PermutationFacts,
    RetrainedMode,
    RetrainedStep,
    Retraining,
    Step,
)

BETTER = Estimate(mean=0.2, low=0.1, high=0.3)
WORSE = Estimate(mean=-0.2, low=-0.3, high=-0.1)
OPEN = Estimate(mean=0.01, low=-0.1, high=0.12)
UNKNOWN = Estimate(mean=None, low=None, high=None)


def judged(over_random: Estimate, over_permutation: Estimate, beaten: float | None = 0.95) -> ClassEvaluation:
    return ClassEvaluation(
        name="good",
        features=("a", "b", "c"),
        deletion=DeletionFacts(
            rows=40,
            unseen=30,
            refused=2,
            curve=(Step(features=0, fall=OPEN, random=OPEN),),
            aopc=BETTER,
            over_random=over_random,
            beaten=beaten,
            verdict=over_random.verdict,
        ),
        permutation=PermutationFacts(
            features=("b", "a", "c"),
            aopc=BETTER,
            over_random=BETTER,
            over_permutation=over_permutation,
            verdict=over_permutation.verdict,
            rank_correlation=0.5,
            among=2,
            overlap=0.5,
        ),
    )


def told(*classes: ClassEvaluation, retraining: Retraining | None = None) -> str:
    asked = Asked(rows=40, length=3, draws=4, random_orders=20, permuted_rows=1000, repeats=4, confidence=0.95, seed=0)
    whole = Evaluation(
        run_id="20261123T000000Z-abc",
        model="Credit",
        results_sha256="0",
        importances_sha256="0",
        model_sha256=None,
        data_sha256="0",
        background_sha256="0",
        score="weighted",
        task="classification",
        n_features=4,
        asked=asked,
        model_rows=1,
        classes=classes,
        left_out=("never",),
        retraining=retraining,
    )
    return "\n".join(words.lines(whole))


def test_a_class_is_told_with_rows_rivals_and_verdicts() -> None:
    text = told(judged(BETTER, WORSE))
    assert "Credit, run 20261123T000000Z-abc: is the ranking by NormLIME weighted right?" in text
    assert "good: 40 rows, 30 of them not explained in the run, 2 more refused" in text
    assert "+0.2 (+0.1 to +0.3), ahead of 95% of 20 orders: better" in text
    assert "-0.2 (-0.3 to -0.1): behind" in text
    assert "WORSE" not in text
    assert "rank correlation 0.50, 1 of the first 2 in common" in text
    assert "left out, no row is predicted so: never" in text


def test_a_ranking_that_dice_would_beat_is_shouted() -> None:
    assert "than random orders   -0.2 (-0.3 to -0.1), ahead of 0% of 20 orders: WORSE" in told(
        judged(WORSE, WORSE, 0.0)
    )


def test_what_is_not_known_is_not_claimed() -> None:
    text = told(judged(UNKNOWN, OPEN, beaten=None))
    assert "than random orders   unknown: too few rows" in text
    assert "than permutation's   +0.01 (-0.1 to +0.12): not told apart" in text


def test_retraining_is_told_as_tables() -> None:
    mean = Mean(mean=0.8, sd=0.01)
    step = RetrainedStep(features=2, ranking=mean, permutation=mean, random=Mean(mean=0.5, sd=0.1))
    modes = tuple(
        RetrainedMode(
            mode=mode,
            steps=(step,),
            over_random=BETTER,
            verdict="better",
            over_permutation=OPEN,
            verdict_on_permutation="open",
        )
        for mode in ("keep", "remove")
    )
    retraining = Retraining(
        train="training:train",
        score="accuracy",
        ranking_of="*",
        training_rows=75,
        test_rows=25,
        without_target=0,
        seeds=(1, 2),
        everything=mean,
        nothing=Mean(mean=0.5, sd=0),
        modes=modes,
    )
    text = told(judged(BETTER, OPEN), retraining=retraining)
    assert "trained anew by training:train, 2 seeds, ranking of all classes together: 75 rows to train on" in text
    assert "features kept, all others taken away (higher is better)" in text
    assert "features taken away (lower is better)" in text
    assert text.count("0.800 ± 0.010  0.800 ± 0.010  0.500 ± 0.100") == 2
