"""What a caller asks for, checked before anything is held or started."""

from __future__ import annotations

from skyhook.plugin import Info, InvalidInput, StoredArtifact, node_uuid
from skyhook_code.completions import Completing
from skyhook_code.requests import GivenFile, Run
from skyhook_code.scopes import ARTIFACTS_READ, COMPLETE, RUN
from skyhook_code.types import CodeCompleteInput, CodeFileInput, CodeRunInput
from skyhook_functions.code.command import check_path, clash
from skyhook_functions.code.languages import LANGUAGES
from skyhook_functions.code.messages import (
    LEAST_MEMORY_MIB,
    LONGEST_S,
    MOST_INPUT_BYTES,
    MOST_INPUT_FILES,
    MOST_MEMORY_MIB,
    LanguageName,
)

MOST_ARGUMENTS = 64
LONGEST_ARGUMENT = 4096
LONGEST_FILE = 1_000_000
MOST_TOKENS = 1024


async def checked_run(info: Info, given: CodeRunInput) -> Run:
    """The request. Raises SCOPE_MISSING, NOT_FOUND for an artifact, and InvalidInput with the mend."""
    info.context.caller.require(RUN)
    if not 0 < given.seconds <= LONGEST_S:
        raise InvalidInput(f"seconds is above 0, and at most {LONGEST_S}.", field="seconds")
    if not LEAST_MEMORY_MIB <= given.memory_mib <= MOST_MEMORY_MIB:
        raise InvalidInput(f"memoryMib is {LEAST_MEMORY_MIB} to {MOST_MEMORY_MIB}.", field="memoryMib")
    _check_arguments(given.arguments)
    language: LanguageName = given.language.value
    files = await _files(info, given, LANGUAGES[language].main)
    return Run(
        language=language,
        files=files,
        arguments=given.arguments,
        stdin=given.stdin,
        seconds=given.seconds,
        memory_mib=given.memory_mib,
    )


def checked_completing(info: Info, given: CodeCompleteInput) -> Completing:
    """The request. Raises SCOPE_MISSING and InvalidInput."""
    info.context.caller.require(COMPLETE)
    if not (given.prefix + given.suffix).strip():
        raise InvalidInput("Give the code before the cursor, after it, or both.", field="prefix")
    for field, text in (("prefix", given.prefix), ("suffix", given.suffix)):
        if len(text) > LONGEST_FILE:
            raise InvalidInput(f"{field} has at most {LONGEST_FILE:,} characters.", field=field)
    if len(given.language) > 50 or not given.language.isprintable():
        raise InvalidInput("A language is named in at most 50 printable characters.", field="language")
    if not 1 <= given.max_tokens <= MOST_TOKENS:
        raise InvalidInput(f"maxTokens is 1 to {MOST_TOKENS}.", field="maxTokens")
    if not 0 <= given.temperature <= 2:
        raise InvalidInput("temperature is 0 (always the likeliest token) to 2.", field="temperature")
    return Completing(
        prefix=given.prefix,
        suffix=given.suffix,
        language=given.language,
        line=given.line,
        max_tokens=given.max_tokens,
        temperature=given.temperature,
    )


def _check_arguments(arguments: list[str]) -> None:
    if len(arguments) > MOST_ARGUMENTS:
        raise InvalidInput(f"A program gets at most {MOST_ARGUMENTS} arguments.", field="arguments")
    if any(len(argument) > LONGEST_ARGUMENT or "\0" in argument for argument in arguments):
        raise InvalidInput(
            f"An argument has at most {LONGEST_ARGUMENT} characters, and no zero byte.", field="arguments"
        )


async def _files(info: Info, given: CodeRunInput, main: str) -> list[GivenFile]:
    files = [] if given.source is None else [GivenFile(main, given.source)]
    size = len(given.stdin.encode())
    for one in given.files:
        file, bytes_of_it = await _file(info, one)
        files.append(file)
        size += bytes_of_it
    if not files or (files[0].artifact is None and not files[0].text.strip()):
        raise InvalidInput("Give a program, as source or as the first of files.", field="source")
    if len(files) > MOST_INPUT_FILES:
        raise InvalidInput(f"A program has at most {MOST_INPUT_FILES} files.", field="files")
    if doubled := clash([file.path for file in files]):
        raise InvalidInput(f"{doubled} is there twice; source is {main}.", field="files")
    if size + len((given.source or "").encode()) > MOST_INPUT_BYTES:
        raise InvalidInput(
            f"Files and standard input have at most {MOST_INPUT_BYTES >> 20} MiB together.", field="files"
        )
    return files


async def _file(info: Info, given: CodeFileInput) -> tuple[GivenFile, int]:
    """A file with its size in bytes."""
    if not check_path(given.path):
        raise InvalidInput(
            f"{given.path[:200]!r} is no path of a file: write it as src/data.csv, without .. and /, "
            "in at most 200 printable characters.",
            field="files.path",
        )
    if (given.text is None) == (given.artifact is None):
        raise InvalidInput(f"Give {given.path} either text or artifact.", field="files")
    if given.artifact is None:
        text = given.text or ""
        return GivenFile(given.path, text), len(text.encode())
    caller = info.context.caller
    caller.require(ARTIFACTS_READ)
    artifact: StoredArtifact = await info.context.services.artifacts.get(
        caller.organization_id, node_uuid(given.artifact, "Artifact", "files.artifact")
    )
    return GivenFile(given.path, artifact=artifact.id), artifact.size_bytes
