import type { Principal } from '../accounts/principal.ts';
import { addressBlock } from '../core/address.ts';
import { GatewayError, fatal } from '../core/errors.ts';
import type { Peer } from './admit.ts';

/** 0 means no limit, in each. */
export interface SessionLimits {
  readonly max: number;
  readonly maxPerUser: number;
  readonly maxPerAddress: number;
  /** What `max` is, when it is not sessions.max. */
  readonly maxIs?: string;
}

/** Something that sessions share and whose number of sessions is limited. */
export interface Place {
  /** What is counted. */
  readonly key: string;
  /** The limit's name for the log; the key when left out. */
  readonly name?: string;
  /** 0: no limit. */
  readonly limit: number;
  /** For the client that finds it full. */
  readonly refusal: string;
}

/** Room for one session; given back when it ends. */
export interface Permit {
  release(): void;
}

/** Where the sessions of all processes of a gateway are counted. */
export interface Places {
  /**
   * Takes a place under every limit, or none.
   * @throws GatewayError session.too_many (53300), naming the limit
   */
  take(places: readonly Place[]): Permit | Promise<Permit>;
}

/**
 * Counts in memory. Limits are counted from the moment a login is proved, so that many logins at once cannot slip past them
 * together.
 */
export class PlaceCounts implements Places {
  readonly #counts = new Map<string, number>();

  take(places: readonly Place[]): Permit {
    for (const { key, name, limit, refusal } of places) {
      if (limit > 0 && (this.#counts.get(key) ?? 0) >= limit) throw tooMany(refusal, name ?? key);
    }
    const keys = places.map(({ key }) => key);
    for (const key of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return {
      release: () => {
        for (const key of keys.splice(0)) this.#giveBack(key);
      },
    };
  }

  #giveBack(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

/** Every place that a session of this principal takes. */
export function placesOf(principal: Principal, peer: Pick<Peer, 'address'>, limits: SessionLimits): Place[] {
  const places: Place[] = [
    {
      key: 'sessions.max',
      name: limits.maxIs ?? 'sessions.max',
      limit: limits.max,
      refusal: 'sorry, too many clients already',
    },
    {
      key: `user ${principal.uid}`,
      limit: limits.maxPerUser,
      refusal: `too many connections for user "${principal.name}" (sessions.max_per_user)`,
    },
    {
      key: `address ${addressBlock(peer.address)}`,
      limit: limits.maxPerAddress,
      refusal: 'too many connections from this address (sessions.max_per_address)',
    },
  ];
  const { token } = principal;
  if (token !== null) {
    places.push({
      key: `token ${token.tid}`,
      limit: token.maxSessions ?? 0,
      refusal: `too many connections for token "${token.label}"`,
    });
  }
  return places;
}

function tooMany(message: string, limit: string): GatewayError {
  return new GatewayError('session.too_many', `limit reached: ${limit}`, fatal('53300', message));
}
