"""What can be tried of code."""

from skyhook.plugin import Example

COUNT = """import time

for number in range(1, 6):
    print("step", number, "of 5", flush=True)
    time.sleep(0.2)
"""
DRAW = """import struct
import zlib

SIZE = 240


def colour(x, y):
    point, place = 0, complex(x / SIZE * 3 - 2.2, y / SIZE * 3 - 1.5)
    for step in range(48):
        point = point * point + place
        if abs(point) > 2:
            return 10 + 5 * step, 4 * step, 90 + 3 * step
    return 0, 0, 0


def part(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


rows = b"".join(
    b"\\0" + bytes(value for x in range(SIZE) for value in colour(x, y)) for y in range(SIZE)
)
head = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
with open("out/mandelbrot.png", "wb") as file:
    file.write(b"\\x89PNG\\r\\n\\x1a\\n" + part(b"IHDR", head))
    file.write(part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))
print("out/mandelbrot.png")
"""
PREFIX = """def mean(numbers):
    \"\"\"The arithmetic mean of some numbers.\"\"\"
    return """

PLAYGROUND = (
    Example(
        slug="run",
        title="Run a program",
        description="In a sandbox without a network; what it prints comes as it is printed.",
        document="""subscription Run(
  $language: CodeLanguage!
  $source: String!
  $stdin: String! = ""
  $seconds: Float! = 10
  $memoryMib: Int! = 256
) {
  codeRunStream(
    input: { language: $language, source: $source, stdin: $stdin, seconds: $seconds, memoryMib: $memoryMib }
  ) {
    stream
    text
    result { exitCode signal limit durationMs cost }
  }
}""",
        variables={"language": "PYTHON", "source": COUNT},
        text="codeRunStream.text",
    ),
    Example(
        slug="files",
        title="Have a program make a file",
        description="What it leaves in the folder out comes back as artifacts: here a picture.",
        document="""mutation Draw($language: CodeLanguage!, $source: String!) {
  codeRun(input: { language: $language, source: $source }) {
    stdout
    stderr
    exitCode
    durationMs
    files { path artifact { id name mediaType url } }
    cost
  }
}""",
        variables={"language": "PYTHON", "source": DRAW},
        text="codeRun.stdout",
    ),
    Example(
        slug="complete",
        title="Complete code",
        description="What belongs between the text before a cursor and the text behind it.",
        document="""subscription Complete(
  $prefix: String!
  $suffix: String! = ""
  $language: String! = ""
  $model: String
  $maxTokens: Int! = 128
) {
  codeCompleteStream(
    input: { prefix: $prefix, suffix: $suffix, language: $language, model: $model, maxTokens: $maxTokens }
  ) {
    text
    completion {
      finishReason
      model
      usage { promptTokens completionTokens cost }
    }
  }
}""",
        variables={"prefix": PREFIX, "suffix": "\n", "language": "python", "maxTokens": 48},
        text="codeCompleteStream.text",
        model="model",
    ),
)
