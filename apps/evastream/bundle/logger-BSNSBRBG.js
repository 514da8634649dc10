import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
import{LOG_LEVELS,createLogger,moveLogToStdout}from"./chunk-CISRP6Y7.js";import"./chunk-AA2FAA6Z.js";import"./chunk-2SVC24WZ.js";import"./chunk-ZQHH7VHJ.js";export{LOG_LEVELS,createLogger,moveLogToStdout};
