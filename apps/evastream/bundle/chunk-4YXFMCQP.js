import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
import{toEvaError}from"./chunk-SH2AUSEU.js";import{printable}from"./chunk-2SVC24WZ.js";function reportFailure(thrown,program="evastream"){let error=toEvaError(thrown),isUsage=error.code==="EVA_USAGE"||error.code==="EVA_CONFIG_INVALID",cause=error.code==="EVA_INTERNAL"?` (${causeOf(error)})`:"";return{text:`${printable(program)}: ${printable(error.message+cause)}
${printable(error.nextStep)} [${error.code}]
`,exitCode:isUsage?2:1}}function causeOf(error){let reason=error.details.reason;return typeof reason=="string"?reason:error.cause instanceof Error?error.cause.message:String(error.cause)}export{reportFailure};
