'use strict';
(() => {
  const find = id => document.getElementById(id);
  const token = location.pathname.split('/').find(part => /^[0-9a-f]{32}$/.test(part));
  const scheme = location.protocol.slice(0, -1);
  const port = Number(location.port) || (scheme === 'https' ? 443 : 80);
  const before = location.pathname.slice(0, location.pathname.indexOf('proxyfix-doctor/'));
  const url = location.origin + before;
  const hidden = path => path.replaceAll(token, '.'.repeat(token.length));
  const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds));
  const run = Array.from(crypto.getRandomValues(new Uint8Array(4)), byte => byte.toString(16).padStart(2, '0')).join('');
  const own = { cache: 'no-store', credentials: 'same-origin', referrerPolicy: 'no-referrer' };

  // What became of one probe, in the words of the receiver.
  const outcome = async (path, headers) => {
    for (let again = 0; again < 30; again += 1) {
      let answer;
      try {
        answer = await fetch(path, { ...own, redirect: 'manual', headers });
      } catch (error) {
        return [{ failed: String(error.message) }, []];
      }
      if (answer.status === 429 && answer.headers.has('retry-after')) {
        await wait(1000);
        continue;
      }
      const servers = ['server', 'via'].flatMap(name => answer.headers.get(name) ?? []);
      if (answer.type === 'opaqueredirect') return [{ refused: { status: 302, location: null } }, servers];
      if (answer.status !== 200) return [{ refused: { status: answer.status, location: null } }, servers];
      try {
        const { arrived } = await answer.json();
        return [arrived.target.endsWith(path.split('/').pop()) ? { arrived } : 'kept', servers];
      } catch {
        return [{ refused: { status: answer.status, location: null } }, servers];
      }
    }
    return ['timed-out', []];
  };

  const plan = async more => {
    const answer = await fetch(`plan?scheme=${scheme}${more}`, own);
    if (!answer.ok) throw new Error(answer.status === 404 ? 'the token has expired' : `status ${answer.status}`);
    return (await answer.json()).probes;
  };

  // Sends these probes, six at a time.
  const ask = async (probes, answers, say) => {
    let next = 0;
    const worker = async () => {
      while (next < probes.length) {
        const { id, name, headers } = probes[next];
        next += 1;
        // The receiver answers a hundred requests a second.
        await wait(75);
        const [result, servers] = await outcome(`p/${run}-${id}`, headers);
        const path = hidden(`${location.pathname}p/${run}-${id}`);
        answers.push({ id, path, outcome: result, servers });
        say(name);
      }
    };
    await Promise.all(Array.from({ length: 6 }, worker));
  };

  const judged = { url, scheme, host: location.hostname, port, with: [], client: [], answers: [] };
  const judge = async () => {
    const answer = await fetch('judge', { ...own, method: 'POST', body: JSON.stringify(judged) });
    if (!answer.ok) throw new Error(`the receiver does not judge: status ${answer.status}`);
    show(await answer.json());
  };

  const make = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };

  const picture = chain => {
    const name = 'http://www.w3.org/2000/svg';
    const put = (parent, kind, attributes, text) => {
      const made = document.createElementNS(name, kind);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      if (text !== undefined) made.textContent = text;
      parent.append(made);
    };
    const down = innerWidth < 640;
    const widest = Math.max(...chain.flatMap(node => [node.title.length * 9, node.detail.length * 7.6])) + 24;
    const [width, height, gap] = [Math.max(110, widest), 56, 40];
    const steps = chain.length - 1;
    const size = down ? [width, chain.length * height + steps * gap] : [chain.length * width + steps * gap, height];
    const svg = document.createElementNS(name, 'svg');
    svg.setAttribute('viewBox', `-2 -2 ${size[0] + 4} ${size[1] + 4}`);
    svg.setAttribute('width', size[0] + 4);
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', chain.map(node => `${node.title} ${node.detail}`.trim()).join(', then '));
    chain.forEach((node, number) => {
      const x = down ? 0 : number * (width + gap);
      const y = down ? number * (height + gap) : 0;
      put(svg, 'rect', { x, y, width, height, rx: 6 });
      put(svg, 'text', { x: x + width / 2, y: y + (node.detail ? 23 : 33) }, node.title);
      if (node.detail) put(svg, 'text', { class: 'detail', x: x + width / 2, y: y + 42 }, node.detail);
      if (number === steps) return;
      if (down) {
        const [cx, end] = [width / 2, y + height + gap];
        put(svg, 'line', { x1: cx, y1: y + height, x2: cx, y2: end - 8 });
        put(svg, 'path', { d: `M${cx - 6} ${end - 10}h12l-6 10z` });
      } else {
        const end = x + width + gap;
        put(svg, 'line', { x1: x + width, y1: 28, x2: end - 8, y2: 28 });
        put(svg, 'path', { d: `M${end - 10} 22v12l10-6z` });
      }
    });
    return svg;
  };

  const copyable = text => {
    const line = make('p', text, 'line');
    const button = make('button', 'Copy the line');
    button.type = 'button';
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(text);
        find('status').textContent = 'The line is copied.';
      } catch {
        getSelection().selectAllChildren(line);
        find('status').textContent = 'The line is selected: copy it.';
      }
    });
    const act = make('p');
    act.append(button);
    return [line, act];
  };

  // Only the user knows whether an address that the proxies name is the user's own.
  const confirmable = finding => {
    const addresses = finding.instead.split('--client-ip ')[1].split(',');
    return addresses.map(address => {
      const button = make('button', `Yes, ${address} is my address, and of no proxy`);
      button.type = 'button';
      button.addEventListener('click', async () => {
        judged.client.push(address);
        await judge();
        find('h-line').focus();
      });
      return button;
    });
  };

  let chain = [];
  const draw = () => chain.length && find('chain').replaceChildren(picture(chain));
  const show = view => {
    chain = view.chain;
    draw();
    find('asked').replaceChildren(...view.asked.map(text => make('li', text)));
    const line = view.line === null
      ? view.unproved !== null
        ? [...copyable(view.unproved), make('p', 'Not proved: a browser cannot send all that a proof needs. Run the command below.', 'none')]
        : [make('p', 'There is no line yet: see what is in the way, under “What to know”.', 'none')]
      : [...copyable(view.line), make('p', `Proved: ${view.proof}.`)];
    const unconfirmed = view.findings.find(finding => finding.code === 'client-unconfirmed');
    if (unconfirmed) {
      const act = make('p');
      act.append(...confirmable(unconfirmed));
      line.push(make('p', `${unconfirmed.seen}. Is it yours?`), act);
    }
    find('line').replaceChildren(...line);
    find('headers').replaceChildren(...view.table.map(row => {
      const made = make('tr');
      const head = make('th', row.header);
      head.scope = 'row';
      made.append(head, make('td', row.effect, row.passes ? 'passes' : 'keeps'), make('td', row.honest));
      return made;
    }));
    find('words').replaceChildren(...view.words.flatMap(({ value, word, why }) =>
      [make('dt', value), word === null ? make('dd', why, 'blocks') : make('dd', word)]));
    find('findings').replaceChildren(...view.findings.map(finding => {
      const made = make('li');
      const kind = { blocks: 'in the way', warning: 'warning', note: 'note' }[finding.severity];
      made.append(make('strong', `${kind}: ${finding.code}`, finding.severity), make('p', finding.seen), make('p', `→ ${finding.instead}`));
      return made;
    }));
    find('command').textContent = `PROXYFIX_DOCTOR_TOKEN=${token} proxyfix doctor probe ${url}`;
    find('report').hidden = false;
  };

  const start = async () => {
    find('start').disabled = true;
    find('bar').hidden = false;
    judged.answers = [];
    const progress = find('progress');
    try {
      find('status').textContent = 'Asking: honest requests …';
      await ask(await plan(''), judged.answers, () => {});
      const brought = judged.answers.flatMap(({ outcome: { arrived } }) => arrived ? arrived.fields : []);
      judged.with = [...new Set(brought.map(field => field.name.toLowerCase()))];
      const probes = await plan(`&with=${judged.with.map(encodeURIComponent).join(',')}`);
      find('status').textContent = `Asking: ${probes.length} lies …`;
      progress.max = probes.length;
      let done = 0;
      await ask(probes, judged.answers, () => { done += 1; progress.value = done; });
      await judge();
      find('status').textContent = 'Done.';
      find('h-line').focus();
    } catch (error) {
      find('status').textContent = `It did not work: ${error.message}.`;
    }
    find('start').disabled = false;
    find('bar').hidden = true;
  };

  find('start').addEventListener('click', start);
  addEventListener('resize', draw);
})();
