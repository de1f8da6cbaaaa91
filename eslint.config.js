import tseslint from 'typescript-eslint';

/**
 * Which folders of src/ a folder may import from (itself is always allowed). Whatever is not named here is out of bounds.
 * The composition root (src/main/) may import everything; nobody imports it but src/cli/.
 */
const MAY_IMPORT = {
  core: [],
  wire: ['core'],
  scram: ['core'],
  tls: ['core', 'wire'],
  store: ['core', 'scram'],
  observe: ['core', 'store'],
  config: ['core'],
  accounts: ['core', 'scram', 'store'],
  tokens: ['core', 'scram', 'store', 'accounts'],
  login: ['core', 'wire', 'scram', 'tls', 'store', 'tokens', 'accounts'],
  upstream: ['core', 'wire', 'scram', 'tls', 'tokens', 'accounts'],
  session: ['core', 'wire', 'scram', 'tls', 'store', 'tokens', 'accounts', 'login', 'upstream', 'observe'],
  http: ['core', 'store', 'tokens', 'accounts', 'observe'],
  console: ['core', 'wire', 'store', 'tokens', 'accounts', 'observe'],
  embedded: ['core'],
  cli: ['core', 'config', 'store', 'tokens', 'accounts', 'embedded', 'main', 'observe'],
};

const folders = [...Object.keys(MAY_IMPORT), 'main'];

/** One rule set a folder: imports that climb out of it may only reach the folders it may know. */
const borders = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: folders
          .filter((other) => other !== folder && !allowed.includes(other))
          .map((other) => ({
            group: [`**/../${other}/**`],
            message: `src/${folder}/ may not know src/${other}/.`,
          })),
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist/**', '.dist-*/**', 'coverage/**', 'node_modules/**'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-console': 'error',
      'no-empty': 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['src/cli/**/*.ts', 'bench/**/*.ts'], rules: { 'no-console': 'off' } },
  ...borders,
);
