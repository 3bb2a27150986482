// Sends requests as clients in node do. Standard input says in a line of JSON how many
// requests a turn has, over how many connections, and then in one for each turn
// what to send; each is answered with a line when the turn is over.

import {createInterface} from 'node:readline';

async function send({url, token, body}) {
  const headers = {Authorization: `Bearer ${token}`, 'Content-Type': 'application/json'};
  const response = await fetch(url, {method: 'POST', headers, body});
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
}

let turn;
for await (const line of createInterface({input: process.stdin})) {
  const said = JSON.parse(line);
  if (!turn) {
    turn = said;
    continue;
  }
  let left = turn.requests;
  await Promise.all(Array.from({length: turn.connections}, async () => {
    while (left-- > 0) await send(said);
  }));
  process.stdout.write('\n');
}
