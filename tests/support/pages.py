"""Runs the console blocks of a page: lines that begin with "$ " are commands, those below each what it prints."""
import os
import re
import subprocess


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def run_commands(block, folder, program):
    """A console block with the output that its commands have now, run by a shell in `folder`, where `program` is found."""
    environment = dict(os.environ, PATH=os.path.dirname(os.path.abspath(program)) + os.pathsep + os.environ["PATH"])
    shown = ""
    for line in block.splitlines():
        if not line.startswith("$ "):
            continue
        done = subprocess.run(line[2:], shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
        shown += line + "\n" + done.stdout
    return shown


def run_page(page, folder, program):
    """The page with the output that its commands have now; the python block is model.py."""
    with open(os.path.join(folder, "model.py"), "w") as file:
        file.write(blocks(page, "python")[0])
    for block in blocks(page, "console"):
        page = page.replace(block, run_commands(block, folder, program))
    return page
