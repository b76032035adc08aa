"""The training data of `skyhook-small`: deterministic, with held-out sets apart from training, and as the template renders it."""

import json
import random

import pytest
from transformers import PreTrainedTokenizerFast

from skyhook_functions.training.chat import arithmetic, knowledge, toolbox, values
from skyhook_functions.training.chat.data import TASKS, conversation, held_out
from skyhook_functions.training.chat.tokenizer import TEMPLATE, encode, render, train_tokenizer

MANY = 3000
POOLS = [
    values.FIRST_NAMES,
    values.LAST_NAMES,
    values.CITIES,
    values.ADJECTIVES,
    values.NOUNS,
    values.COMMON_WORDS,
]
POOLS += [toolbox.VERBS, toolbox.OBJECTS, toolbox.PARAMETERS]


def prompts(task: str, held: bool) -> set[str]:
    """First prompts of a task; of the tools task those that lead to a call, as the others come from other tasks."""
    rng = random.Random(f"{task}{held}")
    turns = (TASKS[task](rng, held).messages for _ in range(MANY))
    return {turn[0]["content"] for turn in turns if task != "tools" or "tool_calls" in turn[1]}


def test_the_same_seed_and_index_give_the_same_conversation() -> None:
    assert [render(conversation(3, index)) for index in range(50)] == [
        render(conversation(3, index)) for index in range(50)
    ]
    assert render(conversation(3, 0)) != render(conversation(4, 0))


def test_every_question_of_the_faq_has_phrasings_and_unseen_ones() -> None:
    assert set(knowledge.sections(knowledge.FAQ)) == set(knowledge.sections(knowledge.PARAPHRASES))
    for fact in knowledge.facts():
        assert len(fact.ask) >= 5, fact.question
        assert len(fact.held) >= 3, fact.question
        assert not {fact.question, *fact.ask} & set(fact.held), fact.question


def test_no_phrasing_belongs_to_two_questions() -> None:
    seen: dict[str, str] = {}
    for fact in knowledge.facts():
        for phrasing in {fact.question, *fact.ask, *fact.held}:
            assert seen.setdefault(phrasing, fact.question) == fact.question


def test_unseen_phrasings_are_never_trained() -> None:
    unseen = {phrasing for fact in knowledge.facts() for phrasing in fact.held}
    rng = random.Random(5)
    trained = {knowledge.sample(rng, False).messages[0]["content"] for _ in range(10 * MANY)}
    assert not unseen & trained


@pytest.mark.parametrize("task", ["arithmetic", "extraction", "tools"])
def test_held_out_prompts_are_not_trained(task: str) -> None:
    assert not prompts(task, True) & prompts(task, False)


def test_operands_are_either_trained_or_held_out() -> None:
    rng = random.Random(1)
    held = {arithmetic.operands(rng, True)[:3] for _ in range(MANY)}
    trained = {arithmetic.operands(rng, False)[:3] for _ in range(10 * MANY)}
    assert not held & trained
    assert all((b, sign, a) in trained for a, sign, b in held if sign == "*")


@pytest.mark.parametrize("pool", POOLS)
def test_every_pool_has_both_parts(pool: list[str]) -> None:
    assert {values.is_held(text) for text in pool} == {True, False}


def test_extraction_answers_are_copied_from_the_text() -> None:
    rng = random.Random(2)
    for _ in range(500):
        user, assistant = TASKS["extraction"](rng, False).messages
        for value in json.loads(assistant["content"]).values():
            assert value is None or value in user["content"]


def test_the_template_renders_what_is_trained() -> None:
    raw = train_tokenizer(1, 300)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, chat_template=TEMPLATE)
    examples = [conversation(1, index) for index in range(200)] + [
        held_out(task, 1, index) for task in TASKS for index in range(20)
    ]
    for one in examples:
        text = tokenizer.apply_chat_template(one.messages, tools=one.tools or None, tokenize=False)
        assert text == render(one)
        ids, weights = encode(raw, one)
        assert ids == tokenizer(text)["input_ids"][: len(ids)]
        assert any(weights)
        assert not weights[0]
