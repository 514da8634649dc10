import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
import{runService}from"./chunk-N7XPGZ3M.js";import"./chunk-4YXFMCQP.js";import"./chunk-MYKZN3WF.js";import"./chunk-SH2AUSEU.js";import"./chunk-CISRP6Y7.js";import"./chunk-AA2FAA6Z.js";import"./chunk-2SVC24WZ.js";import"./chunk-ZQHH7VHJ.js";export{runService};
