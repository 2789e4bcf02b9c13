"""The registers of a PCA9685, as far as a car uses them (NXP's data sheet, rev. 4, 7.3)."""

MODE1, MODE2, LED0, ALL_LED, PRE_SCALE = 0x00, 0x01, 0x06, 0xFA, 0xFE
RESTART, AUTO_INCREMENT, SLEEP = 0x80, 0x20, 0x10
CHANNELS = 16


class Registers:
    """256 bytes and a pointer. After power on: asleep, 200 Hz, every output off."""

    def __init__(self) -> None:
        self.bytes = bytearray(256)
        self.bytes[MODE1] = 0x11
        self.bytes[MODE2] = 0x04
        self.bytes[PRE_SCALE] = 0x1E
        for channel in range(CHANNELS):
            self.bytes[LED0 + 4 * channel + 3] = 0x10  # full off
        self._pointer = 0

    def write(self, data: bytes) -> None:
        """A transaction's bytes: the first is the register, the rest go there; nothing for an empty one (a probe)."""
        if not data:
            return
        self._pointer = data[0]
        for value in data[1:]:
            self._set(self._pointer, value)
            self._advance()

    def read(self, length: int) -> bytes:
        """So many bytes from the pointer on."""
        out = bytearray()
        for _ in range(length):
            out.append(self.bytes[self._pointer])
            self._advance()
        return bytes(out)

    def _advance(self) -> None:
        if self.bytes[MODE1] & AUTO_INCREMENT:
            self._pointer = (self._pointer + 1) % 256

    def _set(self, register: int, value: int) -> None:
        if register == PRE_SCALE:
            if self.bytes[MODE1] & SLEEP:  # else the chip ignores it
                self.bytes[PRE_SCALE] = max(value, 3)
        elif register == MODE1:
            # Writing 1 to RESTART clears it; it is set by going to sleep with PWM on.
            restart = 0 if value & RESTART else self.bytes[MODE1] & RESTART
            if value & SLEEP and not self.bytes[MODE1] & SLEEP:
                restart = RESTART
            self.bytes[MODE1] = (value & ~RESTART) | restart
        elif ALL_LED <= register < PRE_SCALE:
            for channel in range(CHANNELS):
                self.bytes[LED0 + 4 * channel + register - ALL_LED] = value
        elif register < LED0 + 4 * CHANNELS:
            self.bytes[register] = value


def pulse_us(registers: bytes, channel: int, oscillator_hz: float = 25e6) -> float:
    """How long the channel's pulse is in microseconds; 0 where nothing comes out. registers: the 256 bytes."""
    on_low, on_high, off_low, off_high = registers[LED0 + 4 * channel : LED0 + 4 * channel + 4]
    tick_us = (registers[PRE_SCALE] + 1) / oscillator_hz * 1e6
    if registers[MODE1] & SLEEP or off_high & 0x10:
        return 0.0
    if on_high & 0x10:
        return 4096 * tick_us
    return (((off_high << 8 | off_low) - (on_high << 8 | on_low)) % 4096) * tick_us
