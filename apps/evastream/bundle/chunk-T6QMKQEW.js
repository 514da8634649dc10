import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
var PROGRAM_VERSION="0.1.0";export{PROGRAM_VERSION};
