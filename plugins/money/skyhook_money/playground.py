"""What can be tried of money."""

from skyhook.plugin import Example

PLAYGROUND = (
    Example(
        slug="open",
        title="Open a wallet",
        description="A wallet in one currency, with a handle that others pay to.",
        document="""mutation Open($handle: String!, $name: String!, $currency: String!) {
  moneyWalletCreate(input: { handle: $handle, name: $name, currency: $currency }) {
    id
    handle
    currency
    balance { text }
  }
}""",
        variables={"handle": "@shop", "name": "The shop", "currency": "EUR"},
    ),
    Example(
        slug="wallets",
        title="See your wallets",
        description="What is in them, what is held, and what can be spent.",
        document="""query Wallets($first: Int = 10) {
  moneyWallets(first: $first) {
    edges {
      node {
        handle
        name
        balance { text currency }
        held { text }
        available { text }
      }
    }
  }
}""",
        variables={"first": 10},
    ),
    Example(
        slug="transfer",
        title="Pay somebody",
        description="Moves money from one of your wallets to anybody's. An operator brings money in first.",
        document="""mutation Pay(
  $from: String!
  $to: String!
  $amount: MoneyAmountInput!
  $memo: String! = ""
) {
  moneyTransfer(input: { from: $from, to: $to, amount: $amount, memo: $memo }) {
    id
    amount { text currency }
    memo
  }
}""",
        variables={
            "from": "@shop",
            "to": "@till",
            "amount": {"units": "1250", "currency": "EUR"},
            "memo": "Lunch",
        },
    ),
    Example(
        slug="request",
        title="Ask for money",
        description="A request that the other side accepts or declines.",
        document="""mutation Ask(
  $from: String!
  $to: String!
  $amount: MoneyAmountInput!
  $memo: String! = ""
) {
  moneyRequest(input: { from: $from, to: $to, amount: $amount, memo: $memo }) {
    id
    state
    amount { text currency }
  }
}""",
        variables={
            "from": "@till",
            "to": "@shop",
            "amount": {"units": "1250", "currency": "EUR"},
            "memo": "Lunch",
        },
    ),
)
