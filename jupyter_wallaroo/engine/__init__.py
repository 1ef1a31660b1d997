"""The child process: everything that looks into bytes from outside happens here, not in Jupyter's process.

One program in several roles (``python -m jupyter_wallaroo.engine START``): a *replica* serves one deployment, the
*inspector* looks into one uploaded model and ends, *orchestration* into one archive of scripts, the *archivist* turns
journals into segments and reads logs. Each is connected to the server by a socket it inherits, speaks frames over it
(`frames`), and ends when the socket does.
"""
