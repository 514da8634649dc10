import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
