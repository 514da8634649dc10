import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
var HOSTILE_EXPRESSION=/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu,HOSTILE_IN_JSON_EXPRESSION=/[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;function printable(text){return text.replace(HOSTILE_EXPRESSION,escapeOf)}function printableLines(text){return text.split(`
`).map(printable).join(`
`)}function printableJson(line){return line.replace(HOSTILE_IN_JSON_EXPRESSION,escapeOf)}function escapeOf(character){let code=character.codePointAt(0)??0;return code>65535?`\\u{${code.toString(16)}}`:`\\u${code.toString(16).padStart(4,"0")}`}export{printable,printableLines,printableJson};
