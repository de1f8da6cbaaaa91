import { Counter, Histogram, type Registry } from 'prom-client';

/** What the HTTP listener counts. Labels come from closed sets only: no path, name or address can blow them up. */
export interface HttpMetrics {
  answered(facade: string, status: number, seconds: number): void;
  /** A credential was refused; `how` tells at what cost. */
  refused(how: 'shape' | 'remembered' | 'limited' | 'looked_up'): void;
}

export function httpMetrics(registry: Registry): HttpMetrics {
  const requests = new Counter({
    name: 'patgate_http_requests_total',
    help: 'HTTP requests answered, by interface and status.',
    labelNames: ['facade', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'patgate_http_request_seconds',
    help: 'Time from the request’s headers to the answer, by interface.',
    labelNames: ['facade'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  const refusals = new Counter({
    name: 'patgate_http_refused_credentials_total',
    help: 'Credentials refused: by shape, remembered as bad, over the limit of failures, or after a look-up.',
    labelNames: ['how'],
    registers: [registry],
  });
  return {
    answered(facade, status, elapsed) {
      requests.inc({ facade, status });
      seconds.observe({ facade }, elapsed);
    },
    refused: (how) => refusals.inc({ how }),
  };
}
