"""Runs a command at a pseudo-terminal and types when it asks.

argv: JSON list of [text to wait for, text to type], then the command. Prints JSON {status, output}.
"""
import json, os, pty, select, sys, time

script = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
output, seen, deadline = b"", 0, time.monotonic() + 30
while time.monotonic() < deadline:
    ready, _, _ = select.select([terminal], [], [], 0.2)
    if ready:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    if script and script[0][0].encode() in output[seen:]:
        seen = len(output)
        os.write(terminal, script.pop(0)[1].encode())
else:
    os.kill(child, 9)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps({"status": status, "output": output.decode("utf-8", "backslashreplace")}))
