// A Mastra server with one agent and its memory in a LibSQL file or PostgreSQL: MASTRA_DB_URL, MASTRA_TOKEN, PORT (0 for any).
// It prints `ready PORT`. The agent's model is never asked.
import { serve } from '@hono/node-server';
import { Agent } from '@mastra/core/agent';
import { Mastra } from '@mastra/core/mastra';
import { SimpleAuth } from '@mastra/core/server';
import { MastraServer } from '@mastra/hono';
import { LibSQLStore } from '@mastra/libsql';
import { Memory } from '@mastra/memory';
import { PostgresStore } from '@mastra/pg';
import { Hono } from 'hono';

const url = process.env.MASTRA_DB_URL;
const storage = url.startsWith('postgresql:')
  ? new PostgresStore({ id: 'store', connectionString: url })
  : new LibSQLStore({ id: 'store', url });
const memory = new Memory({
  storage,
  options: { lastMessages: 20, semanticRecall: false, workingMemory: { enabled: true, scope: 'resource' } },
});
const agent = new Agent({
  id: 'memory-agent',
  name: 'memory-agent',
  instructions: 'memory only',
  model: 'openai/gpt-4o-mini',
  memory,
});
const token = process.env.MASTRA_TOKEN;
const auth = new SimpleAuth({ tokens: { [token]: { id: 'leviathan', role: 'admin' } } });
const mastra = new Mastra({ agents: { 'memory-agent': agent }, storage, logger: false, server: { auth } });
const app = new Hono();
await new MastraServer({ app, mastra }).init();
const listening = { fetch: app.fetch, port: Number(process.env.PORT ?? 0), hostname: '127.0.0.1' };
const server = serve(listening, (info) => console.log(`ready ${info.port}`));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
