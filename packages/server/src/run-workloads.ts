/**
 * Everything that workloads need while the service is unsealed in Kubernetes: authorities, rows, keys of bindings, second
 * factor, and the certificate by which agents know this server. It must never issue in a period that has ended.
 * @module
 */
import {
  BindingKeys,
  RetainedBindings,
  SecondFactor,
  TokenWriters,
  WorkloadLedger,
  Workloads,
  type BindingSupport,
  type Clock,
  type Installation,
  type LiveBindings,
  type RotationTimes,
  type Store,
  type Unsealed,
  type WorkloadAuthorities,
} from '@letterlock/core';
import { certificatePem, importVerifyingKey, publicOf, type SigningKey } from '@letterlock/crypto';
import { ProblemError } from '@letterlock/protocol';
import type { Logger } from 'pino';
import { repeat } from './background.ts';
import { keepAuthorities } from './keep-authorities.ts';
import type { KubernetesPorts } from './kubernetes-ports.ts';

export interface RunWorkloadsOptions {
  readonly ports: KubernetesPorts;
  readonly installation: Installation;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly trustDomain: string;
  readonly times: RotationTimes;
  /** Key that the listeners serve. */
  readonly servedKey: SigningKey;
  /** Names and addresses that agents may know this server by. */
  readonly hosts: () => readonly string[];
  /** Serves a chain for the served key; undefined: what was served before any authority was there. @param chain - PEM, leaf first */
  readonly serve: (chain: string | undefined) => void;
  readonly alarmed: () => void;
  /** Cuts the connections of a pod whose row is gone. */
  readonly cutOff: (podUid: string) => void;
}

/** Of one unsealed period. */
export interface WorkloadServices {
  readonly bindings: LiveBindings;
  readonly support: BindingSupport;
  readonly workloads: Workloads;
  readonly ledger: WorkloadLedger;
  readonly bindingKeys: BindingKeys;
  readonly retained: RetainedBindings;
  readonly secondFactor: SecondFactor;
  readonly tokenWriters: TokenWriters;
  readonly authorities: WorkloadAuthorities | undefined;
}

export interface RunningWorkloads {
  /** To be called at each unseal. */
  readonly compose: (keys: Unsealed) => WorkloadServices;
  readonly stop: () => Promise<void>;
}

/** Pause between looks at second keys, whose alarm is due after ten seconds. */
const lookEveryMilliseconds = 5000;

export function runWorkloads(o: RunWorkloadsOptions): RunningWorkloads {
  const { ports, installation, store, clock, log, trustDomain } = o;
  const leaf = new ServedLeaf(o);
  let composed: WorkloadServices | undefined;
  let told: WorkloadAuthorities | undefined;
  let toldSeq: number | undefined;
  const kept = keepAuthorities({
    installation,
    store,
    clock,
    log,
    trustDomain,
    times: o.times,
    looked: async (authorities) => {
      await leaf.renew(authorities);
      tell(authorities);
    },
  });
  const stopLooking = repeat({
    everyMilliseconds: lookEveryMilliseconds,
    run: async () => {
      await composed?.workloads.judgeSuspicions();
      await composed?.tokenWriters.sweep();
      return undefined;
    },
    onError: (error) => log.error({ error }, 'Could not look after enrolments'),
  });
  installation.onSealed(() => (composed = undefined));

  return {
    compose: (keys) => {
      composed = compose(keys);
      return composed;
    },
    stop: async () => {
      await stopLooking();
      await kept.stop();
    },
  };

  function tell(authorities: WorkloadAuthorities | undefined): void {
    if (authorities === told) {
      if (authorities !== undefined && authorities.seq !== toldSeq) ports.rotated?.();
      toldSeq = authorities?.seq;
      return;
    }
    told = authorities;
    toldSeq = authorities?.seq;
    const sik = installation.configuration?.sik;
    const services =
      authorities === undefined || composed === undefined || sik === undefined
        ? undefined
        : {
            workloads: composed.workloads,
            ledger: composed.ledger,
            tokenWriters: composed.tokenWriters,
            bindingKeys: composed.bindingKeys,
            retained: composed.retained,
            authorities,
            instanceKey: importVerifyingKey(sik).jwk,
          };
    ports.unsealed?.(services);
  }

  function compose({ barrier, audit, instanceKey }: Unsealed): WorkloadServices {
    const common = { store, barrier, audit, clock };
    const { witness, bindings, forms, checkSourceAddress } = ports;
    const required = (): WorkloadAuthorities => {
      const authorities = kept.current();
      if (authorities === undefined) throw new ProblemError('unavailable', { reason: 'authorities_opening' });
      return authorities;
    };
    const bindingKeys = new BindingKeys({ ...common, instanceKey });
    const secondFactor = new SecondFactor({ reviewer: witness, clock, trustDomain });
    const workloads = new Workloads({
      ...common,
      trustDomain,
      instanceKey: publicOf(instanceKey).jwk,
      authorities: {
        issue: (workload, key) => required().issue(workload, key),
        bundle: () => required().bundle(),
        get trusted() {
          return required().trusted;
        },
      },
      witness,
      forms,
      checkSourceAddress,
      alarmed: (alarm) => {
        o.alarmed();
        log.error(alarm, 'Refused a second key for one start of an agent');
        ports.alarmed?.(alarm);
      },
      revoked: (podUid) => {
        log.info({ podUid }, 'Revoked a workload');
        o.cutOff(podUid);
      },
    });
    return {
      bindings,
      support: { trustDomain, keys: bindingKeys },
      workloads,
      ledger: new WorkloadLedger({ store, barrier }),
      bindingKeys,
      retained: new RetainedBindings(common),
      secondFactor,
      tokenWriters: new TokenWriters({ ...common, trustDomain, witness, secondFactor }),
      get authorities() {
        return kept.current();
      },
    };
  }
}

/** The listeners' certificate by the authority that signs now: anew at half its life and after each step of the authorities. */
class ServedLeaf {
  readonly #o: RunWorkloadsOptions;
  #served: { readonly seq: number; readonly renewAtSeconds: number } | undefined;

  constructor(o: RunWorkloadsOptions) {
    this.#o = o;
  }

  async renew(authorities: WorkloadAuthorities | undefined): Promise<void> {
    const { clock, hosts, servedKey, serve, log } = this.#o;
    if (authorities === undefined) {
      if (this.#served !== undefined) serve(undefined);
      this.#served = undefined;
      return;
    }
    const now = clock.nowSeconds();
    const { seq, trusted } = authorities;
    if (this.#served?.seq === seq && now < this.#served.renewAtSeconds) return;
    const { der, notAfter } = await authorities.issueServer(hosts(), publicOf(servedKey));
    serve(certificatePem(der) + certificatePem(trusted[0]!.der));
    this.#served = { seq, renewAtSeconds: now + Math.floor((notAfter - now) / 2) };
    log.info({ seq, notAfter }, 'Serving a certificate of the own authority');
  }
}
