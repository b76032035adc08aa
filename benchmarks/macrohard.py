"""The local rules of macrohard on 20 tasks of MiniWoB++, 20 seeds each: how many goals are reached.

    PYTHONPATH=. python benchmarks/macrohard.py [--seeds 20] [--task NAME ...] [--at-once 2]

Each episode is done in a Chromium of its own by the function and the policy that a job uses, in at most 30
steps. The tasks were chosen before any of them was tried, and none is left out. The policy sees the goal and
the accessibility snapshot; the reward is read from the page by the benchmark, after the episode.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.miniwob import Episodes

from skyhook_functions.macrohard.browser import Browser
from skyhook_functions.macrohard.messages import ActRequest, OpenRequest, TaskRequest
from skyhook_macrohard.page import describe
from skyhook_macrohard.policies.rules import RulesPolicy
from skyhook_macrohard.requests import Scene, Step

TASKS = (
    "click-test",
    "click-test-2",
    "click-button",
    "click-link",
    "click-checkboxes",
    "click-option",
    "click-tab",
    "click-dialog",
    "enter-text",
    "enter-password",
    "focus-text",
    "choose-list",
    "login-user",
    "click-widget",
    "enter-date",
    "read-table",
    "search-engine",
    "use-autocomplete",
    "email-inbox",
    "navigate-tree",
)
MOST_STEPS = 30


@dataclass(frozen=True, slots=True)
class Episode:
    """How one went."""

    seed: int
    goal: str
    is_reached: bool
    steps: int
    seconds: float
    why: str
    """What the policy said at its end."""


def run(browser: Browser, episodes: Episodes, task: str, seed: int) -> Episode:
    """One episode, from a fresh browser to its end."""
    name = f"{task}-{seed}"
    started = time.perf_counter()
    opened = browser.open(OpenRequest(name, episodes.url(task, seed), [episodes.site], True))
    goal, past, why = episodes.goal(task, seed), [], "the steps were used up"
    seen, policy = browser.look(TaskRequest(name)), RulesPolicy()
    assert opened.code is None, opened.message
    while len(past) < MOST_STEPS:
        decision = asyncio.run(policy.decide(Scene(goal=goal, observation=seen, past=past)))
        assert decision.action is not None
        if decision.action.kind in ("done", "fail"):
            why = decision.reason
            break
        outcome = browser.act(ActRequest(name, decision.action))
        past.append(
            Step(
                number=len(past) + 1,
                by="agent",
                action=decision.action,
                target=describe(seen.snapshot, decision.action),
                code=outcome.code,
                message=outcome.message,
                url=outcome.observation.url,
                seconds=0.0,
            )
        )
        seen = outcome.observation
    reward = episodes.reward(task, seed)
    browser.close(TaskRequest(name))
    return Episode(seed, goal, reward > 0, len(past), time.perf_counter() - started, why)


def main() -> None:
    """Prints the table, then each goal that was not reached."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--task", action="append", choices=TASKS)
    parser.add_argument("--at-once", type=int, default=2)
    arguments = parser.parse_args()
    browser = Browser()
    browser.load()
    failed: list[tuple[str, Episode]] = []
    reached: Counter[str] = Counter()
    tasks = arguments.task or TASKS
    print("| task | reached | steps (median) | seconds (median) |\n|---|---|---|---|")
    with Episodes() as episodes, ThreadPoolExecutor(arguments.at_once) as pool:
        for task in tasks:
            seeds = range(arguments.seeds)
            went = list(pool.map(lambda seed, task=task: run(browser, episodes, task, seed), seeds))
            reached[task] = sum(one.is_reached for one in went)
            failed += [(task, one) for one in went if not one.is_reached]
            steps = statistics.median(one.steps for one in went)
            seconds = statistics.median(one.seconds for one in went)
            print(f"| {task} | {reached[task]} of {len(went)} | {steps:g} | {seconds:.1f} |", flush=True)
    print(f"| **all** | {reached.total()} of {len(tasks) * arguments.seeds} | | |\n")
    for task, one in failed:
        print(f"- {task}, seed {one.seed}: {one.goal} ({one.steps} steps; {one.why})")


if __name__ == "__main__":
    main()
