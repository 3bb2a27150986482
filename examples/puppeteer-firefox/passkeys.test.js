import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import puppeteer from 'puppeteer-core';
import {serve} from 'signet-testing';

const site = process.env.SITE ?? 'http://localhost:8080';
let signet, browser;

before(async () => {
  signet = await serve();
  browser = await puppeteer.launch({browser: 'firefox', executablePath: '/usr/bin/firefox-esr'}); // WebDriver BiDi
});
after(async () => {
  await browser?.close();
  await signet?.close();
});

test('felix signs in, and a bad signature does not', async () => {
  const key = await signet.device({profile: 'security-key'});
  const page = await browser.newPage();
  await signet.install(page, key); // before the page is opened
  await page.goto(site);
  const text = selector => page.$eval(selector, e => e.textContent);
  const press = async button => {
    await page.click(button);
    await page.waitForFunction(() => document.querySelector('#status').textContent);
    return text('#status');
  };
  await page.$eval('#name', e => { e.value = 'felix'; });
  assert.equal(await press('#register'), 'registered');
  assert.equal(await press('#signout'), 'signed out');
  assert.equal(await press('#signin'), 'signed in');
  assert.equal(await text('#user'), 'felix');

  await press('#signout');
  await key.next({mutate: ['login.signature.other-key']});
  assert.match(await press('#signin'), /^Error: .*signature/); // the site's own words
  assert.deepEqual((await key.events()).at(-1).mutations, ['login.signature.other-key']); // what it judged
  assert.equal(await text('#user'), 'nobody');
});
