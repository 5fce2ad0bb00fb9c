-- Main: which command this call is. `know` does nothing: it is how a recovery puts the text into Redis's cache.
local commands = {
  decide = decide, take = take_over, release = release, control = control, claim = claim, wipe = wipe,
  load = load_state, look = look, apply = apply, remember = remember, finish = finish, beat = beat,
}
if ARGV[1] == 'know' then return 'OK' end
return commands[ARGV[1]](unpack_msg(ARGV[2]))
