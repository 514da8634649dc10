#!/bin/sh
# Installs WebTorrent beside this project, for `npm run bench -- --against webtorrent`; it is no dependency of the project.
# Without install scripts and WebRTC: an empty package stands in for its native part, so it speaks TCP only.
set -e
place="$(dirname "$0")/../../../node_modules/.cache/evastream-bench"
mkdir -p "$place/webrtc-stub"
cd "$place"
names="RTCPeerConnection RTCSessionDescription RTCIceCandidate RTCIceTransport RTCDataChannel RTCSctpTransport RTCDtlsTransport
RTCCertificate MediaStream MediaStreamTrack MediaStreamTrackEvent RTCPeerConnectionIceEvent RTCDataChannelEvent RTCTrackEvent RTCError
RTCErrorEvent RTCRtpTransceiver RTCRtpReceiver RTCRtpSender"
echo '{"name":"webrtc-polyfill","version":"1.1.10","type":"module","main":"index.js"}' > webrtc-stub/package.json
{ echo 'export default {}'; for name in $names; do echo "export const $name = undefined"; done; } > webrtc-stub/index.js
cat > package.json <<'END'
{
  "private": true,
  "dependencies": { "webtorrent": "2.8.5" },
  "overrides": { "uint8-util": "2.2.5", "webrtc-polyfill": "file:./webrtc-stub" }
}
END
npm install --ignore-scripts --no-audit --no-fund --omit=optional
