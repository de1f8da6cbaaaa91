/** SIGHUP, which would end the process until somebody listens for it. */
export interface ReloadSignal {
  /** Calls for each signal from now on, and once for all that came before there was anybody to call. */
  deliverTo(reload: () => void): void;
  ignore(): void;
}

/** Listens from now on: log rotation and configuration management do not ask whether a start is over. */
export function listenForReload(): ReloadSignal {
  let isDue = false;
  let deliver = (): void => {
    isDue = true;
  };
  const onSignal = (): void => deliver();
  process.on('SIGHUP', onSignal);
  return {
    deliverTo(reload) {
      deliver = reload;
      if (isDue) reload();
      isDue = false;
    },
    ignore: () => process.off('SIGHUP', onSignal),
  };
}
