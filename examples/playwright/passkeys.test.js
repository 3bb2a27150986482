import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {chromium} from 'playwright-core';
import {serve} from 'signet-testing';

const site = process.env.SITE ?? 'http://localhost:8080';
let signet, browser;

before(async () => {
  signet = await serve();
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
});
after(async () => {
  await browser?.close();
  await signet?.close();
});

test('paula signs in, and a stolen response does not', async () => {
  const phone = await signet.device({profile: 'phone'});
  const page = await browser.newPage();
  await signet.install(page, phone); // before the page is opened
  await page.goto(site);
  const press = async button => {
    await page.click(button);
    await page.waitForFunction(() => document.querySelector('#status').textContent);
    return page.textContent('#status');
  };
  await page.fill('#name', 'paula');
  assert.equal(await press('#register'), 'registered');
  assert.equal(await press('#signout'), 'signed out');
  assert.equal(await press('#signin'), 'signed in');
  assert.equal(await page.textContent('#user'), 'paula');

  await press('#signout');
  await phone.next({mutate: ['login.origin.port']});
  assert.match(await press('#signin'), /^Error: .*origin/); // the site's own words
  assert.deepEqual((await phone.events()).at(-1).mutations, ['login.origin.port']); // what it judged
  assert.equal(await page.textContent('#user'), 'nobody');
});
