"""What the plugin voice is like: how quick it is, and how often what it hears is right.

    PYTHONPATH=.:plugins/voice/tests python benchmarks/voice.py [--rounds 20] [--turns 5]

First audio is over HTTP and SSE on a warm function; turns are spoken in real time by the `openai` package's
client to a mind that answers at once. Recognition is measured inside the function, with speech by espeak-ng,
half of it by voices that the limits of the recognizer were not set with; no person was recorded.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from calling import calling
from minds import thinking
from speech import download, parts, pcm, spoken
from tests.serving import ROOT, Server

from skyhook_functions.voice.listener import Listener
from skyhook_functions.voice.messages import Speech, Utterance
from skyhook_functions.voice.speaker import Speaker

GRAMMAR = ROOT / "functions" / "skyhook_functions" / "weights" / "skyhook-commands"
KNOWN = ("en-us", "en-us+f2", "en-us+f3", "en-us+m1")
NEW = ("en-us+f5", "en-us+m2", "en-us-nyc", "en-gb")
QUIET = bytes(24_000)
SENTENCE = "This is a sentence of the usual length, which is spoken while it is made. "
COMMANDS = """
turn on the lights | turn off all the lights in the bathroom | turn the lights on in the bedroom
dim the lights | please brighten the lights in the office | turn the lights off in the living room
turn on the lights in the garage | set a timer for ten minutes | start a timer for thirty seconds
set a timer for two hours | stop the timer | please pause the timer | cancel the timer | wake me up at six
turn the volume down | turn the volume up | set the volume to fifty percent | mute the sound
play some music | play the music | stop the music | please pause the music | play the next song
play the previous song | open the door | open the window | close the door | close the window
call my mother | call my father | call the office | repeat that | tell me a joke | tell me a story
what time is it | what day is it today | what is the weather tomorrow | what is three plus eight
what is twelve minus four | what is six times seven | what is the capital of france
what is the capital of japan | who are you | how are you | what can you do | how much time is left
yes please | no thank you | okay | thank you | hello | hello computer | good morning | good evening
goodbye | never mind | stop talking | my number is sixty two
"""
OTHERS = """
the cat slept on the warm windowsill | i have never been to australia | bread is baked early in the morning
he forgot to bring his passport | our neighbours are painting their fence | which bus goes to the airport
she studies chemistry at the university | the soup needs a little more salt
they finally found the missing key | rain is expected in the mountains | my favourite colour is purple
the meeting was moved to thursday | nobody answered the phone last night
a butterfly landed on her shoulder | the museum is closed for repairs | could you recommend a good book
strawberries grow well in this soil | the engine makes a strange noise
he bought a bicycle for his daughter | the river froze in january | umbrella | refrigerator | tomorrow
wonderful
"""


def listed(text: str) -> list[str]:
    """The sentences of a list."""
    return [one.strip() for line in text.strip().splitlines() for one in line.split("|")]


def first_audio_ms(server: Server) -> float:
    """Milliseconds from sending a request to the first sound; the rest is read as well."""
    begun, first = time.perf_counter(), 0.0
    for payload in parts(server, text=SENTENCE * 5):
        if not first and payload["data"]["voiceSpeakStream"]["audio"]:
            first = time.perf_counter()
    return (first - begun) * 1000


def recognized(voices: tuple[str, ...], sentences: list[str]) -> Iterator[tuple[str, str, float, float]]:
    """Each sentence with what was heard, its seconds, and the seconds that hearing took."""
    speaker, listener = Speaker(), Listener()
    speaker.load()
    listener.load()
    for voice in voices:
        for sentence in sentences:
            sound = b"".join(part.pcm for part in speaker.speak(Utterance(f"{sentence}.", voice)))
            speech = Speech(QUIET + sound + QUIET, str(GRAMMAR))
            begun = time.perf_counter()
            segments = listener.recognize(speech).segments
            took = time.perf_counter() - begun
            heard = " ".join(segment.text for segment in segments if segment.is_command)
            yield sentence, heard, len(speech.pcm) / 48_000, took


def speaking_factor() -> float:
    """Seconds of work for each second of speech."""
    speaker = Speaker()
    speaker.load()
    begun = time.perf_counter()
    size = sum(len(part.pcm) for part in speaker.speak(Utterance(SENTENCE * 50, "en-us")))
    return (time.perf_counter() - begun) / (size / 48_000)


async def latencies(server: Server, turns: int) -> list[dict[str, str]]:
    """The measured latency of turns of a conversation."""
    words = await asyncio.to_thread(
        lambda: pcm(download(spoken(server, "What time is it?", voice="en-us+f3")))
    )
    found = []
    async with calling(server, "mind") as caller:
        for turn in range(1, turns + 1):
            caller.say(words)
            done = await caller.wait("response.done", turn)
            found.append(done.response.metadata)
            await asyncio.sleep(1.2)
    return found


def print_recognition() -> None:
    """How often commands are heard right, and other speech is taken for one."""
    print("\n| voices | commands right | wrong command | not understood | other speech taken for a command |")
    print("|---|---|---|---|---|")
    seconds = work = 0.0
    for title, voices in (("known", KNOWN), ("new", NEW)):
        for voice in voices:
            heard = list(recognized((voice,), listed(COMMANDS)))
            others = list(recognized((voice,), listed(OTHERS)))
            right = sum(said == one for said, one, *_ in heard)
            nothing = sum(not one for _, one, *_ in heard)
            false = sum(bool(one) for _, one, *_ in others)
            print(
                f"| {voice} ({title}) | {right} of {len(heard)} | {len(heard) - right - nothing} | {nothing} "
                f"| {false} of {len(others)} |"
            )
            seconds += sum(one[2] for one in [*heard, *others])
            work += sum(one[3] for one in [*heard, *others])
    print(f"\nhearing: {work / seconds:.3f} seconds of work for each second of sound")


def main() -> None:
    """Prints everything as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    server = Server(Path(tempfile.mkdtemp()), environment={"UPSTREAM_KEY": "none"})
    server.prepare()
    with thinking() as mind:
        server.command(
            *("models", "add", "mind", "--upstream", mind.base_url, "--upstream-name", "mind"),
            *("--api-key-variable", "UPSTREAM_KEY", "--context-tokens", "4000"),
        )
        mind.script = {"what time is it": "It is ten."}
        server.start()
        try:
            first_audio_ms(server)
            firsts = [first_audio_ms(server) for _ in range(arguments.rounds)]
            turns = asyncio.run(latencies(server, arguments.turns + 1))[1:]
        finally:
            server.stop()
    print("| ms | median | slowest |\n|---|---|---|")
    print(f"| first audio of voiceSpeakStream | {statistics.median(firsts):.0f} | {max(firsts):.0f} |")
    for step in ("turn_latency_ms", "silence_ms", "recognition_ms", "mind_ms", "voice_ms"):
        values = [int(turn[step]) for turn in turns]
        print(f"| {step} | {statistics.median(values):.0f} | {max(values)} |")
    print(f"\nspeaking: {speaking_factor():.4f} seconds of work for each second of speech")
    print_recognition()


if __name__ == "__main__":
    main()
