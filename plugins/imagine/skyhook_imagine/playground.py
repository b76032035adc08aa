"""What can be tried of imagine."""

from skyhook.plugin import Example

PICTURE = {"image": "image/"}
SAMPLE = {"image": "skyhook_imagine:samples/circle-above-square.png"}

PLAYGROUND = (
    Example(
        slug="generate",
        title="Make a picture",
        description="Pictures from a prompt, as a job that shows how far it is.",
        document="""mutation Make(
  $prompt: String!
  $count: Int! = 1
  $model: String! = "skyhook-scenes"
  $steps: Int
  $guidance: Float
  $seed: BigInt
) {
  imagineGenerate(
    input: { prompt: $prompt, count: $count, model: $model, steps: $steps, guidance: $guidance, seed: $seed }
  ) {
    id
    state
    held
  }
}""",
        variables={"prompt": "a red circle above a blue square", "count": 2, "seed": "7"},
        model="model",
    ),
    Example(
        slug="edit",
        title="Change a picture",
        description="A picture drawn anew from one of your own, closer to it or further from it.",
        document="""mutation Change(
  $image: ID!
  $prompt: String!
  $strength: Float
  $model: String! = "skyhook-scenes"
  $seed: BigInt
) {
  imagineEdit(input: { image: $image, prompt: $prompt, strength: $strength, model: $model, seed: $seed }) {
    id
    state
    held
  }
}""",
        variables={"prompt": "a yellow circle above a blue square", "strength": 0.8, "seed": "7"},
        model="model",
        files=PICTURE,
        samples=SAMPLE,
    ),
    Example(
        slug="upscale",
        title="Enlarge a picture",
        description="A picture with two or four times the width and height.",
        document="""mutation Enlarge($image: ID!, $factor: Int! = 2) {
  imagineUpscale(input: { image: $image, factor: $factor }) { id state held }
}""",
        files=PICTURE,
        samples=SAMPLE,
    ),
    Example(
        slug="animate",
        title="Have a picture move",
        description="A video that begins with a picture. It needs a model that makes video.",
        document="""mutation Animate(
  $image: ID!
  $prompt: String!
  $seconds: Float
  $model: String! = "skyhook-scenes-video"
  $seed: BigInt
) {
  imagineAnimate(
    input: { image: $image, prompt: $prompt, seconds: $seconds, model: $model, seed: $seed }
  ) {
    id
    state
    held
  }
}""",
        variables={"prompt": "a red circle moving right above a blue square", "seconds": 2, "seed": "7"},
        model="model",
        files=PICTURE,
        samples=SAMPLE,
    ),
    Example(
        slug="live",
        title="Watch pictures change",
        description="Pictures one after the other, each made from the one before.",
        document="""subscription Live(
  $prompt: String!
  $frames: Int! = 60
  $strength: Float! = 0.6
  $model: String! = "skyhook-scenes"
  $seed: BigInt
) {
  imagineLive(input: { prompt: $prompt, frames: $frames, strength: $strength, model: $model, seed: $seed }) {
    index
    image
    cost
  }
}""",
        variables={"prompt": "a green triangle above a white circle", "frames": 12, "seed": "3"},
        model="model",
    ),
)
