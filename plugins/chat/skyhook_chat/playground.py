"""What can be tried of chat."""

from skyhook.plugin import Example

QUESTION = {"role": "user", "content": "What is a plugin?"}

PLAYGROUND = (
    Example(
        slug="talk",
        title="Talk with a model",
        description="A conversation whose answers come as they are written.",
        document="""subscription Talk(
  $messages: [ChatMessageInput!]!
  $system: String
  $model: String
  $temperature: Float! = 1
  $maxTokens: Int
) {
  chatStream(
    input: {
      messages: $messages
      system: $system
      model: $model
      temperature: $temperature
      maxTokens: $maxTokens
    }
  ) {
    text
    completion {
      finishReason
      usage { promptTokens completionTokens cost }
    }
  }
}""",
        variables={
            "messages": [QUESTION],
            "system": "You are brief, friendly and exact.",
            "model": "skyhook-small",
            "temperature": 0,
            "maxTokens": 200,
        },
        text="chatStream.text",
        model="model",
        conversation="messages",
    ),
    Example(
        slug="extract",
        title="Extract fields as JSON",
        description="One whole answer to a prompt, with its tokens and what they cost.",
        document="""mutation Extract(
  $prompt: String!
  $model: String
  $temperature: Float! = 1
  $maxTokens: Int
  $seed: BigInt
) {
  chatComplete(
    input: {
      messages: [{ role: "user", content: $prompt }]
      model: $model
      temperature: $temperature
      maxTokens: $maxTokens
      seed: $seed
    }
  ) {
    text
    finishReason
    model
    usage { promptTokens completionTokens cost }
  }
}""",
        variables={
            "prompt": 'Give the name and the city as JSON: "Ada Lovelace lives in London."',
            "model": "skyhook-small",
            "temperature": 0,
            "maxTokens": 120,
        },
        text="chatComplete.text",
        model="model",
    ),
    Example(
        slug="tools",
        title="Let a model call a tool",
        description="Give the tools with the request: the model says which it calls, with what. You run it.",
        document="""mutation Tools(
  $messages: [ChatMessageInput!]!
  $tools: [ChatToolInput!]!
  $model: String
  $maxTokens: Int
) {
  chatComplete(
    input: { messages: $messages, tools: $tools, model: $model, maxTokens: $maxTokens, temperature: 0 }
  ) {
    text
    finishReason
    toolCalls { name arguments }
    usage { promptTokens completionTokens cost }
  }
}""",
        variables={
            "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
            "tools": [
                {
                    "name": "weather",
                    "description": "The weather of a place.",
                    "parameters": {
                        "type": "object",
                        "properties": {"place": {"type": "string"}},
                        "required": ["place"],
                    },
                }
            ],
            "model": "skyhook-small",
            "maxTokens": 80,
        },
        text="chatComplete.text",
        model="model",
    ),
)
