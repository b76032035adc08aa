"""The trainings of the built-in plugins as functions: short ones, whose evaluations are of a few cases."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from skyhook.function import CANDIDATE, Evaluated, Progress, TrainingRequest
from skyhook.plugin import Bar
from skyhook_functions.imagine.small.checkpoint import IMAGE_TYPE, VIDEO_TYPE, Defaults, load
from skyhook_functions.training import scoring
from skyhook_functions.training.chat import evaluate as chat_evaluate
from skyhook_functions.training.chat import function as chat_function
from skyhook_functions.training.chat import knowledge
from skyhook_functions.training.chat import train as chat_train
from skyhook_functions.training.chat.function import ChatTraining
from skyhook_functions.training.code import corpus, evaluate
from skyhook_functions.training.code import function as code_function
from skyhook_functions.training.code import train as code_train
from skyhook_functions.training.code.function import CodeTraining
from skyhook_functions.training.imagine import function as scenes_function
from skyhook_functions.training.imagine import train_reader, train_video
from skyhook_functions.training.imagine.function import FilmsTraining, ScenesTraining
from skyhook_imagine import plugin as imagine

TRAININGS = {
    "code": (CodeTraining, code_train, code_function, "PLACES", {"line", "next", "name", "block"}),
    "chat": (ChatTraining, chat_train, chat_function, "CONVERSATIONS", {"knowledge", "arithmetic"}),
}


@pytest.mark.filterwarnings("ignore:Mismatch dtype:UserWarning")
def test_pictures_are_trained_part_by_part_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    for name, value in {"BATCH": 2, "CODEC_S": 0.2, "READER_STEPS": 1, "CAPTIONS": 3}.items():
        monkeypatch.setattr(scenes_function, name, value)
    monkeypatch.setattr(train_reader, "BATCH", 2)
    first = list(ScenesTraining().train(TrainingRequest(checkpoints=str(tmp_path), steps=1)))
    assert [(one.step, one.steps, one.is_saved) for one in first[:-1]] == [
        (1, 3, True),
        (2, 3, True),
        (3, 3, True),
    ]
    published = shutil.copytree(tmp_path / CANDIDATE, tmp_path / "published")
    assert "<!-- scores -->\n| what is right" in (published / "README.md").read_text()
    again = TrainingRequest(checkpoints=str(tmp_path), steps=2, published=str(published))
    *steps, evaluated = ScenesTraining().train(again)
    assert [step.step for step in steps] == [1, 2, 4], "a part was trained twice"
    names = {score.name for score in evaluated.scores}
    assert {"colours", "shapes", "all right"} <= names
    assert all(score.compared is not None for score in evaluated.scores)


@pytest.mark.filterwarnings("ignore:Mismatch dtype:UserWarning")
def test_videos_are_trained_from_the_model_of_pictures_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    for name, value in {"FILM_BATCH": 1, "FILM_READER_STEPS": 1, "VIDEOS": 1}.items():
        monkeypatch.setattr(scenes_function, name, value)
    monkeypatch.setattr(train_reader, "BATCH", 2)
    recipe = train_video.video_recipe
    quick = Defaults(steps=2)  # of the sampling, whose pictures nobody looks at
    monkeypatch.setattr(train_video, "video_recipe", lambda words: replace(recipe(words), defaults=quick))
    first = list(FilmsTraining().train(TrainingRequest(checkpoints=str(tmp_path), steps=1)))
    assert [(one.step, one.steps, one.is_saved) for one in first[:-1]] == [(1, 2, True), (2, 2, True)]
    made, pictures = (
        load(folder, kind)
        for folder, kind in (
            (tmp_path / CANDIDATE, VIDEO_TYPE),
            (scoring.SHIPPED / IMAGE_TYPE, IMAGE_TYPE),
        )
    )
    theirs, ours = (one.codec.state_dict() for one in (pictures, made))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items()), "it has another codec"
    published = shutil.copytree(tmp_path / CANDIDATE, tmp_path / "published")
    assert "| videos | 1 | 1 | 1 |" in (published / "README.md").read_text()
    again = TrainingRequest(checkpoints=str(tmp_path), steps=2, published=str(published))
    *steps, evaluated = FilmsTraining().train(again)
    assert [step.step for step in steps] == [1, 3], "the reader or a step was trained twice"
    assert {bar.score for bar in films_gate()} <= {score.name for score in evaluated.scores}
    assert all(score.compared is not None for score in evaluated.scores)


def films_gate() -> tuple[Bar, ...]:
    """What the plugin asks of the model of video."""
    (training,) = (one for one in imagine.trainings if one.train == FilmsTraining.train)
    return training.gate


@pytest.mark.usefixtures("few_sources")
@pytest.mark.parametrize("product", TRAININGS)
def test_a_training_goes_on_writes_a_model_and_compares_it(
    product: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, commands, module, count, names = TRAININGS[product]
    config = LlamaConfig(
        vocab_size=commands.VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=1024, tie_word_embeddings=True, bos_token_id=None,
    )  # fmt: skip
    monkeypatch.setattr(commands, "make_model", lambda: LlamaForCausalLM(config))
    monkeypatch.setattr(commands, "POOL", 1)
    monkeypatch.setattr(module, count, 2)
    torch.set_num_threads(1)  # such a small network only waits for a second one
    monkeypatch.setattr(chat_evaluate, "LONGEST_ANSWER", 4)
    monkeypatch.setattr(evaluate, "LONGEST_FILL", 4)
    if product == "chat":
        facts = knowledge.facts()[:5]
        monkeypatch.setattr(commands, "TOKENIZER_EXAMPLES", 300)
        monkeypatch.setattr(knowledge, "facts", lambda: facts)
    else:
        some = corpus.trained()[:40]
        monkeypatch.setattr(commands, "trained", lambda: some)
        monkeypatch.setattr(evaluate, "trained", lambda: some)
        monkeypatch.setattr(commands, "HELD_OUT_PLACES", 2)
    first = list(training().train(TrainingRequest(checkpoints=str(tmp_path), steps=2)))
    progress, evaluated = first[-2:]
    assert isinstance(progress, Progress)
    assert (progress.step, progress.steps, progress.is_saved) == (2, 2, True)
    assert isinstance(evaluated, Evaluated)
    assert names <= {score.name for score in evaluated.scores}
    assert all(score.compared is None for score in evaluated.scores)
    candidate = tmp_path / CANDIDATE
    assert LlamaForCausalLM.from_pretrained(candidate).config.hidden_size == 32
    assert AutoTokenizer.from_pretrained(candidate).chat_template
    assert "<!-- scores -->\n| task" in (candidate / "README.md").read_text()
    published = shutil.copytree(candidate, tmp_path / "published")
    again = TrainingRequest(checkpoints=str(tmp_path), steps=3, published=str(published))
    *steps, evaluated = training().train(again)
    assert [step.step for step in steps] == [3], "it began anew"
    assert all(score.compared is not None for score in evaluated.scores)
