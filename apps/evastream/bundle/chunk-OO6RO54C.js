import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
import{randomBytes}from"node:crypto";function randomToken(sizeBytes=32){return randomBytes(sizeBytes).toString("base64url")}export{randomToken};
