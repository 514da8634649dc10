import{createRequire as ___r}from'node:module';const require=___r(import.meta.url);
import{require_dist}from"./chunk-456VV5KU.js";import{require_static}from"./chunk-SQWG2XSB.js";import"./chunk-PDDUYDOZ.js";import"./chunk-WACUGOBJ.js";import{require_rfdc}from"./chunk-M5C3XOGU.js";import{__commonJS,__require}from"./chunk-ZQHH7VHJ.js";var require_getPluginName=__commonJS({"node_modules/@fastify/swagger-ui/node_modules/fastify-plugin/lib/getPluginName.js"(exports,module){"use strict";var fpStackTracePattern=/at\s(?:.*\.)?plugin\s.*\n\s*(.*)/,fileNamePattern=/(\w*(\.\w*)*)\..*/;module.exports=function(fn){if(fn.name.length>0)return fn.name;let stackTraceLimit=Error.stackTraceLimit;Error.stackTraceLimit=10;try{throw new Error("anonymous function")}catch(e){return Error.stackTraceLimit=stackTraceLimit,extractPluginName(e.stack)}};function extractPluginName(stack){let m=stack.match(fpStackTracePattern);return m?m[1].split(/[/\\]/).slice(-1)[0].match(fileNamePattern)[1]:"anonymous"}module.exports.extractPluginName=extractPluginName}});var require_toCamelCase=__commonJS({"node_modules/@fastify/swagger-ui/node_modules/fastify-plugin/lib/toCamelCase.js"(exports,module){"use strict";module.exports=function(name){return name[0]==="@"&&(name=name.slice(1).replace("/","-")),name.replace(/-(.)/g,function(match,g1){return g1.toUpperCase()})}}});var require_plugin=__commonJS({"node_modules/@fastify/swagger-ui/node_modules/fastify-plugin/plugin.js"(exports,module){"use strict";var getPluginName=require_getPluginName(),toCamelCase=require_toCamelCase(),count=0;function plugin(fn,options={}){let autoName=!1;if(fn.default!==void 0&&(fn=fn.default),typeof fn!="function")throw new TypeError(`fastify-plugin expects a function, instead got a '${typeof fn}'`);if(typeof options=="string"&&(options={fastify:options}),typeof options!="object"||Array.isArray(options)||options===null)throw new TypeError("The options object should be an object");if(options.fastify!==void 0&&typeof options.fastify!="string")throw new TypeError(`fastify-plugin expects a version string, instead got '${typeof options.fastify}'`);options.name||(autoName=!0,options.name=getPluginName(fn)+"-auto-"+count++),fn[Symbol.for("skip-override")]=options.encapsulate!==!0,fn[Symbol.for("fastify.display-name")]=options.name,fn[Symbol.for("plugin-meta")]=options,fn.default||(fn.default=fn);let camelCase=toCamelCase(options.name);return!autoName&&!fn[camelCase]&&(fn[camelCase]=fn),fn}module.exports=plugin;module.exports.default=plugin;module.exports.fastifyPlugin=plugin}});var require_csp=__commonJS({"node_modules/@fastify/swagger-ui/static/csp.json"(exports,module){module.exports={script:[],style:[]}}});var require_serialize=__commonJS({"node_modules/@fastify/swagger-ui/lib/serialize.js"(exports,module){"use strict";function serialize(value){switch(typeof value){case"bigint":return value.toString()+"n";case"boolean":return value?"true":"false";case"function":return value.toString();case"number":return""+value;case"object":return value===null?"null":Array.isArray(value)?serializeArray(value):value instanceof RegExp?`/${value.source}/${value.flags}`:value instanceof Date?`new Date(${value.getTime()})`:value instanceof Set?`new Set(${serializeArray(Array.from(value))})`:value instanceof Map?`new Map(${serializeArray(Array.from(value))})`:serializeObject(value);case"string":return JSON.stringify(value);case"symbol":return serializeSymbol(value);case"undefined":return"undefined"}}var symbolRE=/Symbol\((.+)\)/;function serializeSymbol(value){return symbolRE.test(value.toString())?`Symbol("${value.toString().match(symbolRE)[1]}")`:"Symbol()"}function serializeArray(value){let result="[",il=value.length,last=il-1;for(let i=0;i<il;++i)result+=serialize(value[i]),i!==last&&(result+=",");return result+"]"}function serializeObject(value){let result="{",keys=Object.keys(value),i=0,il=keys.length,last=il-1;for(;i<il;++i){let key=keys[i];result+=`"${key}":${serialize(value[key])}`,i!==last&&(result+=",")}return result+"}"}module.exports=serialize}});var require_swagger_initializer=__commonJS({"node_modules/@fastify/swagger-ui/lib/swagger-initializer.js"(exports,module){"use strict";var serialize=require_serialize();function swaggerInitializer(opts){let hasLogo=opts.logo&&opts.logo.content!==void 0,logoBase64=hasLogo&&Buffer.from(opts.logo.content).toString("base64"),logoData=hasLogo&&`data:${opts.logo.type};base64,${logoBase64}`,logoHref=hasLogo&&opts.logo.href,logoTarget=hasLogo&&opts.logo.target;return`window.onload = function () {
    function waitForElement(selector) {
      return new Promise(resolve => {
          if (document.querySelector(selector)) {
              return resolve(document.querySelector(selector));
          }

          const observer = new MutationObserver(mutations => {
              if (document.querySelector(selector)) {
                  observer.disconnect();
                  resolve(document.querySelector(selector));
              }
          });

          // If you get "parameter 1 is not of type 'Node'" error, see https://stackoverflow.com/a/77855838/492336
          observer.observe(document.body, {
              childList: true,
              subtree: true
          });
      });
    }
    function resolveUrl(url) {
      let currentHref = window.location.href;
      currentHref = currentHref.split('#', 1)[0];
      currentHref = currentHref.endsWith('/') ? currentHref : currentHref + '/';
      const anchor = document.createElement('a');
      anchor.href = currentHref + url;
      return anchor.href
    }

    const config = ${serialize(opts.uiConfig)}
    const resConfig = Object.assign({}, {
      dom_id: '#swagger-ui',
      deepLinking: true,
      presets: [
        SwaggerUIBundle.presets.apis,
        SwaggerUIStandalonePreset
      ],
      plugins: [
        SwaggerUIBundle.plugins.DownloadUrl
      ],
      layout: "StandaloneLayout",
      validatorUrl: ${serialize(opts.validatorUrl||null)},
    }, config, {
      url: resolveUrl('./json'),
      oauth2RedirectUrl: resolveUrl('./static/oauth2-redirect.html')
    });

    const ui = SwaggerUIBundle(resConfig)

    ${logoData?`
    if (resConfig.layout === 'StandaloneLayout') {
      // Replace the logo
      waitForElement('#swagger-ui > section > div.topbar > div > div > a').then((link) => {
        const img = document.createElement('img')
        img.height = 40
        img.src = '${logoData}'
        ${logoHref?`img.href = '${logoHref}'`:"img.href = resolveUrl('/')"}
        ${logoTarget?`img.target = '${logoTarget}'`:""}
        link.innerHTML = ''
        link.appendChild(img)
      })
    }`:""}

    ui.initOAuth(${serialize(opts.initOAuth)})
  }`}module.exports=swaggerInitializer}});var require_index_html=__commonJS({"node_modules/@fastify/swagger-ui/lib/index-html.js"(exports,module){"use strict";function indexHtml(opts){let routePrefix=opts.prefix;return opts.indexPrefix&&(routePrefix=`${opts.indexPrefix.replace(/\/$/,"")}/${opts.prefix.replace(/^\//,"")}`),url=>{let prefix=/\/$/.test(url)?`.${opts.staticPrefix}`:`${routePrefix}${opts.staticPrefix}`;return`<!-- HTML for static distribution bundle build -->
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="UTF-8">
      <title>${opts.theme?.title||"Swagger UI"}</title>
      <link rel="stylesheet" type="text/css" href="${prefix}/swagger-ui.css" />
      <link rel="stylesheet" type="text/css" href="${prefix}/index.css" />
      ${opts.theme&&opts.theme.css?opts.theme.css.map(css=>`<link rel="stylesheet" type="text/css" href="${prefix}/theme/${css.filename}" />
`).join(""):""}
      ${opts.theme&&opts.theme.favicon?opts.theme.favicon.map(favicon=>`<link rel="${favicon.rel}" type="${favicon.type}" href="${prefix}/theme/${favicon.filename}" sizes="${favicon.sizes}" />
`).join(""):`
      <link rel="icon" type="image/png" href="${prefix}/favicon-32x32.png" sizes="32x32" />
      <link rel="icon" type="image/png" href="${prefix}/favicon-16x16.png" sizes="16x16" />
      `}
      </head>

      <body>
      <div id="swagger-ui"></div>
      <script src="${prefix}/swagger-ui-bundle.js" charset="UTF-8"> </script>
      <script src="${prefix}/swagger-ui-standalone-preset.js" charset="UTF-8"> </script>
      <script src="${prefix}/swagger-initializer.js" charset="UTF-8"> </script>
      ${opts.theme&&opts.theme.js?opts.theme.js.map(js=>`<script src="${prefix}/theme/${js.filename}" charset="UTF-8"> </script>
`).join(""):""}
      </body>
      </html>
      `}}module.exports=indexHtml}});var require_routes=__commonJS({"node_modules/@fastify/swagger-ui/lib/routes.js"(exports,module){"use strict";var path=__require("node:path"),yaml=require_dist(),fastifyStatic=require_static(),rfdc=require_rfdc()(),swaggerInitializer=require_swagger_initializer(),indexHtml=require_index_html(),staticPrefix="/static";function fastifySwagger(fastify,opts,done){let staticCSP=!1;if(opts.staticCSP===!0){let csp=fastify.swaggerCSP;staticCSP=`default-src 'self'; base-uri 'self'; font-src 'self' https: data:; frame-ancestors 'self'; img-src 'self' data: validator.swagger.io; object-src 'none'; script-src 'self' ${csp.script.join(" ")}; script-src-attr 'none'; style-src 'self' https: ${csp.style.join(" ")}; upgrade-insecure-requests;`}typeof opts.staticCSP=="string"&&(staticCSP=opts.staticCSP),typeof opts.staticCSP=="object"&&opts.staticCSP!==null&&(staticCSP="",Object.keys(opts.staticCSP).forEach(function(key){let value=Array.isArray(opts.staticCSP[key])?opts.staticCSP[key].join(" "):opts.staticCSP[key];staticCSP+=`${key.toLowerCase()} ${value}; `})),(typeof staticCSP=="string"||typeof opts.transformStaticCSP=="function")&&fastify.addHook("onSend",function(_request,reply,_payload,done2){typeof staticCSP=="string"&&reply.header("content-security-policy",staticCSP.trim());let header=reply.getHeader("content-security-policy");header&&typeof opts.transformStaticCSP=="function"&&reply.header("content-security-policy",opts.transformStaticCSP(header)),done2()});let hooks=Object.create(null);if(opts.hooks){let additionalHooks=["onRequest","preHandler"];for(let hook of additionalHooks)hooks[hook]=opts.hooks[hook]}if(opts.theme){let themePrefix=`${staticPrefix}/theme`;if(opts.theme.css)for(let cssFile of opts.theme.css)fastify.route({url:`${themePrefix}/${cssFile.filename}`,method:"GET",schema:{hide:!0},...hooks,handler:(_req,reply)=>{reply.header("content-type","text/css; charset=UTF-8").send(cssFile.content)}});if(opts.theme.js)for(let jsFile of opts.theme.js)fastify.route({url:`${themePrefix}/${jsFile.filename}`,method:"GET",schema:{hide:!0},...hooks,handler:(_req,reply)=>{reply.header("content-type","application/javascript; charset=utf-8").send(jsFile.content)}});if(opts.theme.favicon)for(let favicon of opts.theme.favicon)fastify.route({url:`${themePrefix}/${favicon.filename}`,method:"GET",schema:{hide:!0},...hooks,handler:(_req,reply)=>{reply.header("content-type",favicon.type).send(favicon.content)}})}let indexHtmlContent=indexHtml({...opts,staticPrefix});fastify.route({url:"/",method:"GET",schema:{hide:!0},...hooks,handler:(req,reply)=>{reply.header("content-type","text/html; charset=utf-8").send(indexHtmlContent(req.url))}}),fastify.route({url:`${staticPrefix}/index.html`,method:"GET",schema:{hide:!0},...hooks,handler:(req,reply)=>{reply.redirect(req.url.replace(/\/static\/index\.html$/,"/"))}});let swaggerInitializerContent=swaggerInitializer(opts);fastify.route({url:`${staticPrefix}/swagger-initializer.js`,method:"GET",schema:{hide:!0},...hooks,handler:(_req,reply)=>{reply.header("content-type","application/javascript; charset=utf-8").send(swaggerInitializerContent)}});let hasTransformSpecificationFn=typeof opts.transformSpecification=="function",shouldCloneSwaggerObject=opts.transformSpecificationClone??!0,transformSpecification=opts.transformSpecification;fastify.route({url:"/json",method:"GET",schema:{hide:!0},...hooks,handler:hasTransformSpecificationFn?shouldCloneSwaggerObject?function(req,reply){reply.send(transformSpecification(rfdc(fastify.swagger()),req,reply))}:function(req,reply){reply.send(transformSpecification(fastify.swagger(),req,reply))}:function(_req,reply){reply.send(fastify.swagger())}}),fastify.route({url:"/yaml",method:"GET",schema:{hide:!0},...hooks,handler:hasTransformSpecificationFn?shouldCloneSwaggerObject?function(req,reply){reply.type("application/x-yaml").send(yaml.stringify(transformSpecification(rfdc(fastify.swagger()),req,reply)))}:function(req,reply){reply.type("application/x-yaml").send(yaml.stringify(transformSpecification(fastify.swagger(),req,reply)))}:function(_req,reply){reply.type("application/x-yaml").send(fastify.swagger({yaml:!0}))}}),fastify.register(fastifyStatic,{root:opts.baseDir||path.join(__dirname,"..","static"),prefix:staticPrefix,decorateReply:!1}),opts.baseDir&&(fastify.register(fastifyStatic,{root:opts.baseDir,serve:!1}),fastify.route({url:"/*",method:"GET",schema:{hide:!0},...hooks,handler:function(req,reply){let file=req.params["*"];reply.sendFile(file)}})),done()}module.exports=fastifySwagger}});var require_swagger_ui=__commonJS({"node_modules/@fastify/swagger-ui/index.js"(exports,module){var fsPromises=__require("node:fs/promises"),path=__require("node:path"),fp=require_plugin(),csp=require_csp();async function fastifySwaggerUi(fastify,opts){fastify.decorate("swaggerCSP",csp);let logoContent=opts.logo;logoContent===void 0&&(logoContent={type:"image/svg+xml",content:await fsPromises.readFile(path.join(__dirname,"./static/logo.svg"))}),await fastify.register(require_routes(),{...opts,prefix:opts.routePrefix||"/documentation",uiConfig:opts.uiConfig||{},initOAuth:opts.initOAuth||{},hooks:opts.uiHooks,theme:opts.theme||{},logo:logoContent})}module.exports=fp(fastifySwaggerUi,{fastify:"5.x",name:"@fastify/swagger-ui",dependencies:["@fastify/swagger"]});module.exports.default=fastifySwaggerUi;module.exports.fastifySwaggerUi=fastifySwaggerUi}});export default require_swagger_ui();
