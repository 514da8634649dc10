import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
var UNITS=["B","kB","MB","GB","TB"];function byteText(sizeBytes){let value=sizeBytes,unit=0;for(;value>=999.5&&unit<UNITS.length-1;)value/=1e3,unit++;let digits=unit===0||value>=99.95?0:value>=9.995?1:2;return`${value.toFixed(digits)} ${UNITS[unit]}`}export{byteText};
