"""What can be tried of macrohard."""

from skyhook.plugin import Example

PLAYGROUND = (
    Example(
        slug="task",
        title="Have a browser operated",
        description="A goal reached step by step in a browser of its own, seen while it goes on.",
        document="""mutation Operate(
  $goal: String!
  $url: String!
  $sites: [String!]
  $model: String
  $mostSteps: Int! = 30
  $timeLimit: Int! = 600
) {
  macrohardTask(
    input: {
      goal: $goal
      url: $url
      sites: $sites
      model: $model
      mostSteps: $mostSteps
      timeLimit: $timeLimit
    }
  ) {
    id
    state
    held
  }
}""",
        variables={
            "goal": 'Click "Learn more".',
            "url": "https://example.com/",
            "sites": ["example.com", "*.iana.org"],
            "mostSteps": 5,
            "timeLimit": 60,
        },
    ),
    Example(
        slug="tasks",
        title="See what was done",
        description="The latest tasks, each with its steps: what was seen, done, and why.",
        document="""query Tasks($first: Int = 3) {
  macrohardTasks(first: $first) {
    edges {
      node {
        id
        goal
        controller
        steps(first: 20) {
          edges {
            node {
              number
              url
              action { kind text }
              target
              reason
              screenshot { name mediaType url }
            }
          }
        }
      }
    }
  }
}""",
        variables={"first": 3},
    ),
)
