"""The telephony service: carries WebRTC, SIP, RTP, recording and tones."""
