# A filter that knows only the machine's own calls can be walked around with its 32-bit ones.
import mmap

if not X86:
    expect("there are none here", True)
    finish()
# mov eax, 20 (getpid); int 0x80; ret
CODE = bytes([0xB8, 0x14, 0, 0, 0, 0xCD, 0x80, 0xC3])


def work():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    os._exit(42 if function() == os.getpid() else 0)


status = in_child(work)
expect("a 32-bit system call was answered", not (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 42))
finish()
