/** Strings that a screen must show as they are: markup, templates, controls, odd scripts. */
export const NASTY = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  '{{7*7}} ${7*7} %s %n',
  'javascript:alert(1)',
  '&lt;b&gt; &amp; &#60;',
  '../../etc/passwd',
  "Robert'); DROP TABLE runs;--",
  '\u202Etfel ot thgir\u202C',
  'Z\u0351\u036B\u0343a\u0302lgo\u0321',
  '👩‍👩‍👧‍👦 🏳️‍🌈',
  '田中さんにあげて下さい',
  '__proto__',
  'constructor',
  'x'.repeat(300),
]
