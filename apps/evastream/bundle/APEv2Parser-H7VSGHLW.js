import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
import{APEv2Parser,ApeContentError,tryParseApeHeader}from"./chunk-LMIHEVMV.js";import"./chunk-HAGQAPUP.js";import"./chunk-R4VFUJDS.js";import"./chunk-S3RFXBF3.js";import"./chunk-ZQHH7VHJ.js";export{APEv2Parser,ApeContentError,tryParseApeHeader};
