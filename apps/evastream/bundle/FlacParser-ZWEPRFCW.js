import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
import{FlacParser}from"./chunk-2N7FYNYV.js";import"./chunk-GKKLIVLE.js";import"./chunk-USQJ56ZQ.js";import"./chunk-W3EZZMES.js";import"./chunk-LMIHEVMV.js";import"./chunk-GBIH5FZV.js";import"./chunk-HAGQAPUP.js";import"./chunk-R4VFUJDS.js";import"./chunk-S3RFXBF3.js";import"./chunk-ZQHH7VHJ.js";export{FlacParser};
