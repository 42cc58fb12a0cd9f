/** A choice among names, or any of them. Not shown where there is nothing to choose. */
export const ANY = "";

export interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onChange: (name: string) => void;
  /** For screen readers, where the label is empty. */
  readonly title?: string;
  /** What no choice is called. */
  readonly any?: string;
}

export function Choice({ label, value, options, onChange, any = "any", title }: ChoiceProps) {
  if (options.length < 2) return null;
  return (
    <label class="choice">
      {label}
      <select
        {...(title === undefined ? {} : { "aria-label": title })}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        <option value={ANY}>{any}</option>
        {options.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
