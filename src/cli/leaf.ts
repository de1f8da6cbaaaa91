import { Command } from 'commander';
import { addConfigFlags } from './config-flags.ts';
import { outputOption } from './output/print.ts';

export interface Leaf {
  readonly name: string;
  readonly description: string;
  /** Whole command lines, shown with a prompt in front. */
  readonly examples: readonly string[];
  /** Which flags of the configuration the help lists; those of the store when left out. */
  readonly configFlags?: 'all' | 'store';
  /** The command has data to put out, in the form that `-o` says. */
  readonly hasOutput?: boolean;
}

/** A command that does something, as opposed to one that only has others below it. */
export class LeafCommand extends Command {
  readonly examples: readonly string[];
  readonly #configFlags: 'all' | 'store';
  #isComplete = false;

  constructor({ name, description, examples, configFlags }: Leaf) {
    super(name);
    this.description(description);
    this.examples = examples;
    this.#configFlags = configFlags ?? 'store';
  }

  /** A hundred flags for each of thirty commands take a while to make: only the command that is run gets its own. */
  override parseOptions(argv: string[]): ReturnType<Command['parseOptions']> {
    if (!this.#isComplete) addConfigFlags(this, this.#configFlags);
    this.#isComplete = true;
    return super.parseOptions(argv);
  }
}

export function addLeaf(parent: Command, leaf: Leaf): Command {
  const command = new LeafCommand(leaf).copyInheritedSettings(parent);
  parent.addCommand(command);
  if (leaf.hasOutput === true) command.addOption(outputOption());
  command.addHelpText('after', `\nExamples:\n${leaf.examples.map((each) => `  $ ${each}`).join('\n')}`);
  if (leaf.configFlags !== 'all') {
    command.addHelpText(
      'after',
      '\nEvery setting can be given as a flag; `patgate serve --help` lists them.',
    );
  }
  return command;
}
