"""A small RTSP camera on this computer: real protocol, real video, wants a password.

RFC 2326 with RTP over the same TCP connection, MPEG-4 video by RFC 6416. It
hangs up after `frames_a_connection` frames, as a camera on a bad network does.
"""

import base64
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

PAYLOAD_BYTES = 1400


class RtspCamera(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self, images: Sequence[np.ndarray], *, user: str, password: str, frames_a_connection: int
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.password = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.frames_a_connection = frames_a_connection
        self.connections = 0
        self.frames, self.config = _encoded(images)
        self.sockets: list[socket.socket] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> "RtspCamera":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


def _encoded(images: Sequence[np.ndarray]) -> tuple[list[bytes], bytes]:
    codec = av.CodecContext.create("mpeg4", "w")
    codec.height, codec.width = images[0].shape[:2]
    codec.pix_fmt, codec.time_base = "yuv420p", Fraction(1, 25)
    codec.gop_size, codec.bit_rate = 1, 2_000_000
    codec.flags |= av.codec.context.Flags.global_header
    packets = []
    for index, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = index
        packets += codec.encode(frame)
    packets += codec.encode(None)
    return [bytes(packet) for packet in packets], bytes(codec.extradata or b"")


class _Connection(socketserver.StreamRequestHandler):
    server: RtspCamera

    def handle(self) -> None:
        while True:
            lines = self._request()
            if not lines:
                return
            verb, number = lines[0].split()[0], self._header(lines, "CSeq")
            if self.server.password not in self._header(lines, "Authorization"):
                self._answer(number, "401 Unauthorized", 'WWW-Authenticate: Basic realm="ward"')
            elif verb == "DESCRIBE":
                self._answer(number, "200 OK", "Content-Type: application/sdp", body=self._sdp())
            elif verb == "SETUP":
                self._answer(
                    number,
                    "200 OK",
                    "Transport: RTP/AVP/TCP;unicast;interleaved=0-1",
                    "Session: 1",
                )
            elif verb == "PLAY":
                self._answer(number, "200 OK", "Session: 1")
                self._play()
                return
            else:
                self._answer(number, "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")

    def _request(self) -> list[str]:
        lines = []
        while (line := self.rfile.readline().decode().strip()) or not lines:
            if not line:
                return []
            lines.append(line)
        return lines

    def _header(self, lines: list[str], name: str) -> str:
        found = [line for line in lines if line.lower().startswith(name.lower() + ":")]
        return found[0].partition(":")[2].strip() if found else ""

    def _answer(self, number: str, status: str, *headers: str, body: str = "") -> None:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {number}", *headers, f"Content-Length: {len(body)}"]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def _sdp(self) -> str:
        return (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=bed\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            "a=rtpmap:96 MP4V-ES/90000\r\n"
            f"a=fmtp:96 profile-level-id=1;config={self.server.config.hex()}\r\n"
            "a=control:track1\r\n"
        )

    def _play(self) -> None:
        self.server.connections += 1
        sequence = 0
        for index in range(self.server.frames_a_connection):
            frame = self.server.frames[index % len(self.server.frames)]
            pieces = [frame[i : i + PAYLOAD_BYTES] for i in range(0, len(frame), PAYLOAD_BYTES)]
            for piece in pieces:
                marker = 0x80 if piece is pieces[-1] else 0
                header = struct.pack(
                    ">BBHII", 0x80, marker | 96, sequence & 0xFFFF, index * 3600, 1
                )
                packet = header + piece
                try:
                    self.wfile.write(b"$\x00" + struct.pack(">H", len(packet)) + packet)
                except OSError:
                    return
                sequence += 1
            time.sleep(1 / 25)
