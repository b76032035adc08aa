"""The plugin's GraphQL types and inputs."""

from __future__ import annotations

from enum import Enum
from typing import cast
from uuid import UUID

import strawberry

from skyhook.plugin import Artifact, BigInt, GlobalID, Info, NotFound
from skyhook_code.completions import Completed
from skyhook_code.completions import Event as CompletionEvent
from skyhook_code.runs import Event, Finished
from skyhook_functions.code.languages import Language


@strawberry.enum(description="A language that programs can be written in.")
class CodeLanguage(Enum):
    """The languages of a sandbox."""

    PYTHON = "python"
    JAVASCRIPT = strawberry.enum_value("javascript", description="Node.js.")
    C = strawberry.enum_value("c", description="Compiled by gcc, all .c files together.")
    SHELL = strawberry.enum_value("shell", description="Bash.")


@strawberry.enum(description="Where a program printed something.")
class CodeStream(Enum):
    """Standard output and standard error."""

    STDOUT = "stdout"
    STDERR = "stderr"


@strawberry.enum(description="A limit that ended a program.")
class CodeLimit(Enum):
    """Why a program was killed."""

    TIME = strawberry.enum_value("time", description="It ran longer than `seconds`.")
    CPU = strawberry.enum_value("cpu", description="Its processes together used more CPU time than that.")
    MEMORY = strawberry.enum_value("memory", description="They used more than `memoryMib` together.")
    FILES = strawberry.enum_value("files", description="It made more than 10,000 files.")
    OUTPUT = strawberry.enum_value("output", description="It printed more than 1 MiB; the rest is cut off.")


@strawberry.type(description="A language, and whether this server can run it.")
class CodeLanguageStatus:
    """A language of this machine."""

    language: CodeLanguage = strawberry.field(description="What requests call it.")
    title: str = strawberry.field(description="What people call it.")
    main: str = strawberry.field(description="The name that `source` gets, such as main.py.")
    available: bool = strawberry.field(description="Whether programs in it can be run now.")
    package: str = strawberry.field(description="Debian's package that brings it.")

    @classmethod
    def of(cls, language: Language, *, is_here: bool) -> CodeLanguageStatus:
        """The GraphQL form of a language; `is_here` where programs run on the server's machine.

        Elsewhere they run in the function's image, which has them all.
        """
        return cls(
            language=CodeLanguage(language.name),
            title=language.title,
            main=language.main,
            available=not is_here or language.found() is not None,
            package=language.package,
        )


@strawberry.type(description="A file that a program left in its folder `out`.")
class CodeFile:
    """A file that a program made."""

    path: str = strawberry.field(description="Below `out`, such as plots/first.png.")
    artifact_id: strawberry.Private[UUID]

    @strawberry.field(description="The file; null where it has been deleted since.")
    async def artifact(self, info: Info) -> Artifact | None:
        """The file, by the caller who ran the program."""
        services, caller = info.context.services, info.context.caller
        try:
            return Artifact.of(await services.artifacts.get(caller.organization_id, self.artifact_id))
        except NotFound:
            return None


@strawberry.type(description="Something in `out` that is not given back.")
class CodeFileLeftOut:
    """A link, say, or a file that is too large."""

    path: str = strawberry.field(description="Where it was, within the program's folder.")
    reason: str = strawberry.field(description="Why it was not kept.")


@strawberry.type(description="How a program ran.")
class CodeRunResult:
    """A whole run."""

    compiled: bool = strawberry.field(
        description="False where the compiler refused the program; its messages are in `stderr`."
    )
    exit_code: int | None = strawberry.field(description="Null where a signal or a limit ended it.")
    signal: str | None = strawberry.field(
        description="Such as SIGSEGV. A program that exits with 128 + n looks like one that signal n ended."
    )
    limit: CodeLimit | None = strawberry.field(description="The limit for which it was ended, if any.")
    stdout: str = strawberry.field(description="Bytes that are no UTF-8 are replaced by U+FFFD.")
    stderr: str = strawberry.field(description="What the program wrote to its standard error.")
    duration_ms: int = strawberry.field(
        description="From the program's start, or its compiler's, to its end."
    )
    files: list[CodeFile] = strawberry.field(description="The files that the program left, as artifacts.")
    files_left_out: list[CodeFileLeftOut] = strawberry.field(description="The files that were not kept.")
    cost: BigInt = strawberry.field(description="Nano-dollars.")

    @classmethod
    def of(cls, finished: Finished) -> CodeRunResult:
        """The GraphQL form of a run."""
        return cls(
            compiled=finished.compiled,
            exit_code=finished.exit_code,
            signal=finished.signal,
            limit=CodeLimit(finished.limit) if finished.limit else None,
            stdout=finished.stdout,
            stderr=finished.stderr,
            duration_ms=finished.duration_ms,
            files=[CodeFile(path=one.path, artifact_id=one.artifact_id) for one in finished.files],
            files_left_out=[CodeFileLeftOut(path=one.path, reason=one.reason) for one in finished.left_out],
            cost=cast(BigInt, finished.cost),
        )


@strawberry.type(description="A part of what a program prints; the last one carries the whole.")
class CodeRunEvent:
    """An event of codeRunStream."""

    stream: CodeStream | None = strawberry.field(description="Null in the last event.")
    text: str = strawberry.field(description="What to append to that stream; empty in the last event.")
    result: CodeRunResult | None = strawberry.field(
        description="The whole run, in the last event: it has been charged when this arrives."
    )

    @classmethod
    def of(cls, event: Event) -> CodeRunEvent:
        """The GraphQL form of an event."""
        return cls(
            stream=CodeStream(event.stream) if event.stream else None,
            text=event.text,
            result=CodeRunResult.of(event.finished) if event.finished else None,
        )


@strawberry.input(description="A file of a program, by text or as an artifact.")
class CodeFileInput:
    """A file beside the source, or the source itself."""

    path: str = strawberry.field(description="Below the program's folder, such as data/table.csv.")
    text: str | None = strawberry.field(default=None, description="Its content, for a file of text.")
    artifact: GlobalID | None = strawberry.field(
        default=None, description="An artifact of the organization, for any bytes."
    )


@strawberry.input(description="A program, and what it may use.")
class CodeRunInput:
    """What codeRun and codeRunStream take."""

    language: CodeLanguage = strawberry.field(description="What the program is written in.")
    source: str | None = strawberry.field(
        default=None, description="The main file. Without it, the first of `files` is the main one."
    )
    files: list[CodeFileInput] = strawberry.field(
        default_factory=list, description="At most 64 files, of 16 MiB together."
    )
    arguments: list[str] = strawberry.field(default_factory=list, description="Of its command line.")
    stdin: str = strawberry.field(default="", description="What it reads from standard input.")
    seconds: float = strawberry.field(
        default=10.0,
        description="The most that it may run, on the clock and in CPU time, compiling included; up to 120.",
    )
    memory_mib: int = strawberry.field(default=256, description="32 to 1024, of all its processes together.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


@strawberry.type(description="What a completion used and cost.")
class CodeUsage:
    """What was read and written."""

    prompt_tokens: int = strawberry.field(description="Tokens of code read.")
    completion_tokens: int = strawberry.field(description="Tokens of code written.")
    cost: BigInt = strawberry.field(description="Nano-dollars.")


@strawberry.type(description="Code that belongs between a prefix and a suffix.")
class CodeCompletion:
    """A whole completion."""

    text: str = strawberry.field(description="What to insert.")
    model: str = strawberry.field(description="The model that completed.")
    finish_reason: str = strawberry.field(description="stop (it ended by itself) or length (maxTokens).")
    usage: CodeUsage = strawberry.field(description="What was used and what it cost.")

    @classmethod
    def of(cls, completed: Completed) -> CodeCompletion:
        """The GraphQL form of a completion."""
        return cls(
            text=completed.text,
            model=completed.model,
            finish_reason=completed.finish_reason,
            usage=CodeUsage(
                prompt_tokens=completed.usage.prompt_tokens,
                completion_tokens=completed.usage.completion_tokens,
                cost=cast(BigInt, completed.usage.cost),
            ),
        )


@strawberry.type(description="A part of a completion as it is written; the last one carries the whole.")
class CodeCompletionEvent:
    """An event of codeCompleteStream."""

    text: str = strawberry.field(description="What to append; empty in the last event.")
    completion: CodeCompletion | None = strawberry.field(
        description="The whole, in the last event: it has been charged when this arrives."
    )

    @classmethod
    def of(cls, event: CompletionEvent) -> CodeCompletionEvent:
        """The GraphQL form of an event."""
        completion = CodeCompletion.of(event.completed) if event.completed else None
        return cls(text=event.text, completion=completion)


@strawberry.input(description="A place in a file that is to be completed.")
class CodeCompleteInput:
    """What codeComplete and codeCompleteStream take."""

    prefix: str = strawberry.field(description="The file up to the cursor.")
    suffix: str = strawberry.field(default="", description="The file from the cursor on.")
    language: str = strawberry.field(default="", description="Such as python; what a chat model is told.")
    model: str | None = strawberry.field(
        default=None, description="A chat model; default: the bundled model for code, where there is one."
    )
    line: bool = strawberry.field(default=False, description="Complete the current line only.")
    max_tokens: int = strawberry.field(default=128, description="1 to 1024.")
    temperature: float = strawberry.field(default=0.0, description="0 (the likeliest token) to 2.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )
