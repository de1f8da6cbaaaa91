import { Counter, Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startMetrics } from '../../../src/observe/metrics-server.ts';

describe('the metrics listener', () => {
  it('serves what the registry holds, and nothing else', async () => {
    const registry = new Registry();
    new Counter({ name: 'patgate_test_total', help: 'A test.', registers: [registry] }).inc(3);
    const { url, close } = await startMetrics(registry, { listen: { host: '127.0.0.1', port: 0 } });
    onTestFinished(close);
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('patgate_test_total 3');
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
  });
});
