# Completion of `gossamer` for bash.

_gossamer() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'bench convert demo inspect prune --help --version' -- "$word")
    return
  fi
  case $before in
    --algorithm)
      # Without n:m, since readline takes the colon for the end of a word.
      mapfile -t COMPREPLY < <(compgen -W 'magnitude random block' -- "$word")
      return ;;
    --form)
      mapfile -t COMPREPLY < <(compgen -W 'dense csr zeros' -- "$word")
      return ;;
    --execution)
      mapfile -t COMPREPLY < <(compgen -W 'auto csr dense' -- "$word")
      return ;;
    --kernels)
      mapfile -t COMPREPLY < <(compgen -W 'forward input_grad weight_grad step' -- "$word")
      return ;;
    --layouts)
      mapfile -t COMPREPLY < <(compgen -W 'batch_first native' -- "$word")
      return ;;
    --data)
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      return ;;
  esac
  case ${COMP_WORDS[1]} in
    bench) options='--quick --shapes --sparsities --pattern --tensor --batch --threads --kernels --layouts --execution --simd --budget --json --svg --help' ;;
    convert) options='--form --from-zeros --help' ;;
    demo) options='--data --epochs --seed --sparsity --threads --json --save --resume --help' ;;
    inspect) options='--tensor --svg --json --help' ;;
    prune) options='--output --algorithm --sparsity --n --m --block --global --include --exclude --seed --form --help' ;;
    *) return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -o filenames -F _gossamer gossamer
