/** The part of DataHub's GraphQL schema (datahub-graphql-core, auth.graphql) that is about access tokens. */
export const typeDefs = /* GraphQL */ `
  "Milliseconds since the epoch."
  scalar Long

  enum EntityType {
    ACCESS_TOKEN
  }

  enum AccessTokenType {
    "Stands for a person."
    PERSONAL
    "Stands for a service principal."
    SERVICE_ACCOUNT
  }

  enum AccessTokenDuration {
    ONE_HOUR
    ONE_DAY
    ONE_WEEK
    "30 days"
    ONE_MONTH
    "90 days"
    THREE_MONTHS
    "180 days"
    SIX_MONTHS
    "365 days"
    ONE_YEAR
    "Only where the policy allows it."
    NO_EXPIRY
  }

  input CreateAccessTokenInput {
    type: AccessTokenType!
    "Whom the token stands for: urn:li:corpuser:NAME"
    actorUrn: String!
    duration: AccessTokenDuration!
    name: String!
    description: String
  }

  type AccessTokenMetadata {
    urn: String!
    type: EntityType!
    id: String!
    name: String!
    description: String
    "Whom the token stands for."
    actorUrn: String!
    "Who made it."
    ownerUrn: String!
    createdAt: Long!
    "Null: never."
    expiresAt: Long
  }

  type AccessToken {
    "The token itself: shown this once."
    accessToken: String!
    metadata: AccessTokenMetadata!
  }

  input FacetFilterInput {
    "ownerUrn or actorUrn"
    field: String!
    value: String
    values: [String!]
  }

  input ListAccessTokenInput {
    start: Int
    count: Int
    filters: [FacetFilterInput!]
  }

  type ListAccessTokenResult {
    start: Int!
    count: Int!
    total: Int!
    tokens: [AccessTokenMetadata!]!
  }

  type Query {
    listAccessTokens(input: ListAccessTokenInput!): ListAccessTokenResult!
    getAccessTokenMetadata(token: String!): AccessTokenMetadata!
  }

  type Mutation {
    createAccessToken(input: CreateAccessTokenInput!): AccessToken!
    revokeAccessToken(tokenId: String!): Boolean!
  }
`;
